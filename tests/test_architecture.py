"""The package keeps its shape: which part imports which, and which may touch the outside.

Read from the source by `ast`, so that a rule holds for code that no test runs. Imports for types
only count as well: a type is knowledge of the other package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "echonode"

# Each package imports from the lines below its own. `log` is at the bottom because every one logs.
RANKS = [
    {"__main__"},
    {"cli"},
    {"commands"},
    {"node"},
    {"monitoring"},
    {
        "maintenance",
        "intake",
        "delivery",
        "commitment",
        "query_retrieve",
        "exam",
        "review",
        "dicomweb",
        "audit",
        "copies",
    },
    {"objects", "transcoding"},
    {"config"},
    {"probe", "frames", "store", "dimse", "web"},
    {"access"},  # below `web` and `store`, which ask and keep what it decides on
    {"model"},
    {"at_rest"},  # below `model`, whose instances say what opens their files
    {"errors", "log", "threads", "__init__"},
    {"system_faults"},  # below `errors`, which describe the system's too
]
# Sideways only along the path of the data.
SIDEWAYS = {
    ("copies", "review"),  # an image's times and scale are those that a person reviews it with
    ("frames", "probe"),
    ("objects", "transcoding"),  # a presentation state says what transcoding shows of an image
    ("dicomweb", "query_retrieve"),  # QIDO-RS matches as C-FIND does
    ("review", "query_retrieve"),  # a person's search matches as C-FIND does
    # Our worklist is a query too: its keys and matching are PS3.4 C.2.2.2.
    ("exam", "query_retrieve"),
}
# The same within a package: what stands at its top, by module, and its folders.
WITHIN = {
    "store": [
        {"store"},
        {"parts"},
        {"read_only_store"},
        {"statistics"},
        {"moving"},
        {"recovery", "backup", "patients", "encrypting"},
        {"ingest"},
        {"commitment", "retention"},
        {"exams", "access"},
        {"deliveries", "printing"},
        {"index"},
        {"nodes", "journal"},
        {"database"},
        {"objects"},
        {"files"},
        {"values"},
    ],
    "dimse": [
        {"acceptor"},
        {"acceptance", "requestor"},
        {"requested_association"},
        {"scp"},
        {"association"},
        {"messages", "local_ae", "contexts", "services"},
        {"upper_layer"},
        {"limits"},
    ],
    "frames": [
        {"source"},
        {"capture", "live"},
        {"streams"},
        {"imaging"},
        {"settings"},
        {"capture_request", "picture_settings"},
        {"frame"},
    ],
    "probe": [
        {"simulation"},
        {"recordings", "link"},
        {"echopen", "openigtlink"},
        {"messages", "pace", "profile"},
        {"kinematics"},
    ],
    "audit": [
        {"sources", "recorder"},
        {"belonging", "transfers", "syslog"},
        {"trail"},
        {"xml", "status"},
        {"event"},
        {"codes"},
    ],
    "node": [
        {"node"},
        {"http", "dimse_services"},
        {"scanning", "cluster"},
        {
            "worklist_api",
            "outbox_api",
            "live_api",
            "review_api",
            "copies_api",
            "patient_data",
            "trail_api",
            "system_api",
            "viewer_server",
            "report_api",
            "volumes",
        },
        {"exam_api", "review_json"},
        {"worklist_json"},
        {"audit"},
        {"access", "user_administration", "access_log", "local_key"},
        {"hashing"},
        {"exams", "ris", "archives", "prints"},
        {"anonymising"},
        {"running_parts"},
        {"settings"},
        {"local_timezone", "process_limits", "unhandled_errors"},
    ],
}

MOST_ROOMS = 25
MOST_LINES = 360  # of a module, whose aim is 300; what grows beyond has a second reason to change

# What reaches outside a function's arguments: modules by import, and calls by their last name.
NETWORK = {"socket", "ssl", "select", "selectors", "http", "uvicorn", "pynetdicom"}
THREADS = {"threading", "queue", "concurrent", "multiprocessing", "asyncio", "signal", "subprocess"}
DISK = {"os", "shutil", "tempfile", "fcntl", "sqlite3", "sqlalchemy"} | {
    *("open()", "read_text()", "read_bytes()", "write_text()", "write_bytes()", "mkdir()"),
    *("unlink()", "rename()", "stat()", "is_file()", "is_dir()"),
}
CLOCK = {"time", "now()", "utcnow()", "today()"}
CHANCE = {"random", "secrets", "uuid1()", "uuid4()"}
OUTSIDE = NETWORK | THREADS | DISK | CLOCK | CHANCE

# The only modules that may; every other one is pure until it is listed here.
MAY = {
    "__main__.py": set(),
    "cli.py": DISK | {"now()", "signal"},  # SIGTERM before the node's own handlers are there
    "commands/invocation.py": DISK,  # the environment
    "commands/container_health.py": DISK,  # the environment
    "log.py": set(),
    "system_faults.py": {"os", "socket"},  # the system's numbers, and its words for them
    "threads.py": THREADS,  # a thread that repeats a step
    "commands/demo*": OUTSIDE,
    "commands/lying_pacs/archive.py": NETWORK | THREADS,  # an archive on plain sockets:
    "commands/lying_pacs/association.py": NETWORK,
    "commands/lying_pacs/wire.py": NETWORK,
    "commands/lying_pacs/reporter.py": NETWORK,
    "commands/lying_pacs/record.py": THREADS | CLOCK,
    "commands/lying_pacs/later.py": THREADS | CLOCK,
    "commands/lying_pacs/command.py": THREADS | CLOCK,  # until a signal; the time of an event
    "monitoring/ledger.py": set(),
    "commands/reindex.py": {"open()", "now()"},  # of the store; the figures' moment
    "commands/probe_sim.py": OUTSIDE,
    "commands/init.py": DISK,  # writes the example where it is wanted
    "commands/run.py": DISK | THREADS,  # the process's signals
    "node/node.py": OUTSIDE,
    "node/cluster.py": {"time"},  # by the monotonic clock
    "access/random_secrets.py": CHANCE,
    "audit/trail/*": DISK | CHANCE,  # salts, and the names of files
    "audit/recorder.py": THREADS | {"now()"},  # as it was given
    "audit/sources/*": {"now()"},  # as it was given
    "audit/sources/commands.py": {"os", "socket"},  # who runs the command, and where
    "commands/audit.py": {"now()", "sqlalchemy"},  # streams what the trail reads
    "audit/syslog/connection.py": NETWORK | {"time", "fcntl"},  # what TCP has not acknowledged
    "node/audit.py": NETWORK | CLOCK | DISK,  # this machine's name, and the process's number
    "node/local_key.py": DISK,  # in data_dir, for the commands
    "node/anonymising.py": THREADS,  # lanes of several destinations ask it
    "node/access.py": THREADS,  # counts tries, of any request's thread
    "node/archives.py": CHANCE,  # spreads repeated calls
    "node/hashing.py": THREADS,  # one hash at a time
    "node/settings/web.py": DISK,  # the certificate
    "node/http.py": CLOCK,
    "node/ris.py": {"now()"},  # as it was given
    "node/system_api.py": DISK | {"now()"},  # a large report, until it is sent; the clock is given
    "node/patient_data.py": DISK | {"now()"},  # an export, until it is sent; the clock is given
    "node/outbox_api.py": {"now()"},  # as it was given
    "delivery/bulk_actions.py": {"now()"},  # as it was given
    "node/exam_api.py": CLOCK | {"open()"},  # opens exams
    "node/settings/stores.py": {"open()"},  # a store
    "node/settings/reports.py": {"now()"},  # as it was given
    "at_rest/*": DISK | {"secrets"},
    "at_rest/key_sources.py": DISK | {"subprocess"},  # a command that gives the key
    "node/running_parts.py": THREADS | CLOCK,  # parts that stop at the same time, by a deadline
    "config/*": DISK,
    "config/certificates.py": DISK | {"ssl"},
    "node/local_timezone.py": DISK,
    "node/unhandled_errors.py": THREADS,  # what is called when one ends
    "monitoring/monitor.py": CLOCK,
    "monitoring/notices/mail.py": {"ssl", "open()"},  # the password, for each message
    "monitoring/notices/webhook.py": NETWORK | {"open()"},  # the token, for each call
    "monitoring/notices/notifier.py": THREADS | {"now()"},  # the clock is given
    "node/settings/notices.py": {"ssl", "time"},  # this system's authorities
    "monitoring/preflight/pending_reports.py": THREADS,  # reports come on any association's thread
    "monitoring/preflight/peer_check.py": NETWORK
    | CLOCK,  # TCP alone, before DICOM; and how long it took
    "monitoring/preflight/hl7_check.py": NETWORK,  # our own port
    "monitoring/preflight/preflight.py": THREADS,  # one at a time
    "monitoring/preflight/runs.py": THREADS | {"now()"},  # in the background; the clock is given
    "monitoring/preflight/test_image.py": DISK,  # the test image, while it is sent
    "commands/preflight.py": CLOCK | DISK,
    "commands/operate.py": DISK | CLOCK,
    "commands/node_client.py": NETWORK | DISK,  # the certificate of the configuration
    "commands/user_store.py": CLOCK | DISK,
    "commands/move_store.py": {"now()"},
    "commands/deliveries.py": {"now()"},  # of an audit record, as in the next
    "commands/encrypt.py": {"now()"},
    "commands/recording.py": DISK | {"now()"},
    "commands/backups.py": DISK | {"now()"},  # the configuration, which is copied along
    "commands/web_certificate.py": DISK | {"now()"},
    "commands/viewer.py": DISK,  # the package, until it is unpacked
    "commands/viewer_install.py": DISK,
    "delivery/recorded_associations.py": THREADS | CLOCK,
    "delivery/stow/connection.py": NETWORK | THREADS | CLOCK,
    "delivery/stow/web_requestor.py": THREADS | {"ssl"},
    "delivery/stow/file_body.py": DISK,  # the file, while it is sent
    "delivery/stow/credentials.py": {"open()"},  # the token, for each connection
    "monitoring/preflight/web_check.py": {"time"},  # until the server has indexed
    "commands/report.py": DISK,
    "commands/accept_look.py": {"now()"},
    "commands/export.py": DISK | {"signal", "now()"},
    "commands/import_ways.py": {"open()"},  # of the store
    "commands/import_media.py": {"now()"},
    "copies/writing.py": DISK,
    "copies/deidentification/profile_table.py": {"read_text()"},  # the package's own tables
    "copies/deidentification/clean_text.py": {"read_text()"},
    "copies/deidentification/key_file.py": DISK,  # the key, in data_dir
    "copies/deidentification/copying.py": {"open()"},  # reads the stored file
    "copies/deidentification/preparing.py": DISK,  # the copy, until a format has read it
    "copies/stored_source.py": {"open()"},
    "copies/part_10.py": {"open()"},
    "copies/research/npz.py": {"open()"},  # entries of a zip in memory
    "copies/media/medium.py": {"open()"},  # the stored files
    "copies/media/writing_media.py": {"open()", "is_dir()"},
    "copies/media/reading.py": DISK,
    "copies/pictures/films.py": DISK | {"subprocess"},  # ffmpeg, and the film that it writes
    "copies/pictures/banner.py": {"is_file()"},  # the system's fonts
    "copies/media/importing.py": {"open()"},  # what reading.py found
    "copies/media/zip_file.py": {"open()"},  # an entry of the archive
    "copies/media/viewer_page.py": {"read_text()"},  # its template
    "copies/exporting.py": {"is_dir()"},  # of the place that is given
    "node/settings/listeners.py": NETWORK,  # this machine's name
    "maintenance/erasing.py": THREADS | {"now()"},  # one erasure at a time; the clock is given
    "copies/patient_export.py": DISK,  # what it writes
    "commands/patient.py": {"now()"},
    "commands/patient_erasure.py": {"now()", "open()"},  # of the store
    "maintenance/describing.py": CLOCK,  # works a share of the time
    "maintenance/background_recovery.py": THREADS | CLOCK,  # one part after the other, with pauses
    "maintenance/housekeeping.py": THREADS | CLOCK,  # once a minute, by the monotonic clock
    "maintenance/scrubbing.py": THREADS | CLOCK,  # once a minute, by the monotonic clock
    "dimse/*": OUTSIDE,
    "store/*": DISK | THREADS | CLOCK | CHANCE,
    "store/database/postgres_engine.py": DISK | {"select"},  # whether the server hung up
    "frames/live/picture_maker.py": THREADS | CLOCK,  # pictures, beside the frames thread
    "web/live/watch_links.py": CLOCK | CHANCE,  # tokens, and when they are over
    "web/*": NETWORK | THREADS | DISK,
    "web/admission.py": THREADS | CLOCK,  # looks again while an answer goes on
    "probe/link/connection.py": NETWORK,
    "probe/link/tcp_listener.py": NETWORK | CLOCK,
    "probe/link/reconnecting.py": THREADS | CLOCK | CHANCE,
    "probe/link/tcp_and_udp.py": NETWORK | CLOCK,
    "probe/simulation/tcp_probe.py": OUTSIDE,
    "probe/simulation/epf_probe.py": NETWORK | THREADS | CLOCK,
    "probe/recordings/echopen_text.py": DISK,
    "probe/recordings/image_file.py": DISK,
    "probe/simulation/openigtlink_sender.py": NETWORK | THREADS | CLOCK,
    "probe/link/frame_queue.py": THREADS,
    "frames/source/source.py": THREADS | CLOCK | CHANCE,
    "frames/source/receiver.py": THREADS,
    "frames/capture/acquisition_queue.py": THREADS | CLOCK,
    "frames/capture/command_queue.py": THREADS | CLOCK,
    "frames/capture/manual_capture.py": THREADS | CLOCK | CHANCE,  # a freeze's name
    "frames/source/file_player.py": THREADS | CLOCK,
    "intake/captures.py": THREADS | CLOCK,
    "intake/content.py": THREADS,  # counts, for any association's thread
    "objects/reports/font_files.py": DISK | THREADS,  # the fonts of this machine
    "config/report_templates.py": DISK,  # the clinic's own
    "objects/reports/report_templates.py": {"read_text()"},  # part of the package
    "objects/reports/page.py": THREADS,  # one at a time: reportlab keeps its fonts for all
    "intake/retry_buffer.py": THREADS,  # any probe's thread may bring one
    "delivery/worker.py": THREADS | CLOCK | CHANCE,
    "delivery/factory.py": CLOCK | CHANCE,  # gives the worker its clock
    "delivery/lanes.py": THREADS | CLOCK,  # the lanes beside the worker's own
    "delivery/claimed_jobs.py": THREADS,  # what the lanes share:
    "delivery/outcomes.py": THREADS,
    "delivery/outcome_writer.py": THREADS,
    "delivery/sending_rate.py": THREADS,
    "delivery/peer_capabilities.py": THREADS,
    "transcoding/process_pool.py": THREADS | DISK,  # codecs are native code in processes:
    "transcoding/process.py": THREADS | DISK,
    "commitment/commitment_scp.py": THREADS | CLOCK,
    "commitment/commitment_scu.py": CHANCE,  # a Transaction UID is never used again
    "query_retrieve/find_scp.py": THREADS | CLOCK,
    "query_retrieve/*_scp.py": CLOCK,
    "dicomweb/search.py": CLOCK,  # how long an answer took
    "dicomweb/description.py": DISK,  # reads files:
    "dicomweb/streaming.py": DISK,
    "dicomweb/instances.py": DISK,  # size and preamble of a file
    "dicomweb/recoded_frames.py": DISK,
    "exam/hl7/connection.py": NETWORK | THREADS | CLOCK,
    "exam/serving/worklist_scp.py": CLOCK,  # how long an answer took
    "exam/hl7/result_sender.py": NETWORK | {"time", "random"},  # in the background
    "exam/hl7/listener.py": NETWORK | THREADS | CLOCK,
    "exam/unattended.py": THREADS,  # remembers its answers, for several probes
    "exam/desk.py": THREADS | {"open()"},  # one change at a time; what it opens is an exam
    "exam/naming.py": THREADS,  # one exam at a time:
    "exam/correction.py": THREADS,
    "exam/reporting/reporting.py": THREADS,  # one document at a time
    "exam/rewriting.py": {"open()"},
    "exam/worklist/scu.py": THREADS | {"time"},  # breaks off what other threads ask
    "exam/procedure_step/reporter.py": CHANCE | {"time"},  # in the background
    "exam/procedure_step/sender.py": THREADS,  # a stop ends its association
    "exam/worklist/refresh.py": THREADS | CHANCE | {"time"},  # in the background
    "monitoring/paced_reading.py": THREADS,  # several pages ask at a time
    "monitoring/commit_times.py": THREADS,  # reports come on any association's thread
    "transcoding/single_frame.py": {"open()"},  # one frame of a file
    "transcoding/rendered_frames.py": THREADS,  # what is kept, for several callers
    "transcoding/thumbnails.py": DISK | THREADS,  # reads one frame; one is drawn at a time
    "transcoding/file_bytes.py": DISK,  # reads where a map would end the process
    "transcoding/reencoder.py": DISK,  # the re-encoded copy, for as long as it is sent
}

# Decisions that live among disks, and touch none of them.
PURE = {
    "store/deliveries/claim_order.py",
    "store/exams/json_values.py",
    "store/index/folding.py",
    "store/index/column_values.py",
    "store/index/instance_record.py",
    "store/retention/policy.py",
    "store/values.py",
}
# Parts of the database's schema that are one only together: reached through schema.py.
TABLES = {
    "echonode.store.database.index_schema",
    "echonode.store.database.delivery_schema",
    "echonode.store.database.exam_schema",
    "echonode.store.database.document_schema",
    "echonode.store.database.access_schema",
    "echonode.store.database.cluster_schema",
    "echonode.store.database.journal_schema",
    "echonode.store.database.measurement_schema",
    "echonode.store.database.print_schema",
}

PLACED = frozenset().union(*RANKS)
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in MODULES
}


@cache
def tree(module: Path) -> ast.Module:
    """Its source, parsed once, and only where a test of this file runs."""
    return ast.parse(module.read_text())


@cache
def nodes(module: Path) -> list[ast.Import | ast.ImportFrom | ast.Call | ast.Attribute]:
    """Its imports, calls and attributes: what the rules look at."""
    kinds = (ast.Import, ast.ImportFrom, ast.Call, ast.Attribute)
    return [node for node in ast.walk(tree(module)) if isinstance(node, kinds)]


def room(module: Path) -> str:
    """The folder under echonode/, or the name of a module that stands there itself."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(module: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, wherever it stands."""
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            are_modules = node.module == "echonode" or NAMES.issuperset(whole)
            yield from (
                (node.lineno, name) for name in (whole if are_modules else [node.module or ""])
            )


def called(module: Path) -> Iterator[tuple[int, str]]:
    """(line, last name) of every call: open() is `open()`, path.read_text() is `read_text()`."""
    for node in nodes(module):
        if isinstance(node, ast.Call):
            name = node.func
            yield node.lineno, getattr(name, "attr", getattr(name, "id", "")) + "()"


def rank(name: str) -> int:
    """How far down a room lies; one without a place, at the top, where it may not be imported."""
    return next((depth for depth, rooms in enumerate(RANKS) if name in rooms), -1)


def test_every_module_has_its_place() -> None:
    """A new room or module is given a rank before it is imported."""
    assert {room(module) for module in MODULES} - PLACED == set()


def test_imports_go_downwards_only() -> None:
    """cli -> node -> workflows -> parts -> model -> errors; sideways only along the data's path."""
    faults = []
    rooms = PLACED | {room(module) for module in MODULES}
    for module in MODULES:
        here = room(module)
        for line, name in imported(module):
            if not name.startswith("echonode"):
                continue
            there = name.removeprefix("echonode").strip(".").split(".")[0] or "__init__"
            there = there if there in rooms else "__init__"  # `from echonode import __version__`
            if here == there or (here, there) in SIDEWAYS or rank(here) < rank(there):
                continue
            faults.append(f"{module.relative_to(PACKAGE)}:{line}: {here} may not import {there}")
    assert not faults, "\n".join(faults)


def part(module: Path) -> str:
    """Within a package: the folder that a module lies in, or its own name at the package's top."""
    return module.relative_to(PACKAGE).parts[1].removesuffix(".py")


def test_imports_within_a_package_go_downwards_too() -> None:
    """A package with folders has ranks of its own; within one folder modules are free."""
    faults = []
    for module in MODULES:
        package = room(module)
        if package not in WITHIN or part(module) == "__init__":
            continue
        depths = {name: depth for depth, names in enumerate(WITHIN[package]) for name in names}
        here = part(module)
        assert here in depths, f"{module.relative_to(PACKAGE)} has no rank in its package"
        for line, name in imported(module):
            words = name.split(".")
            if words[:2] != ["echonode", package] or len(words) < 3 or words[2] == here:
                continue
            if depths[here] < depths[words[2]]:
                continue
            faults.append(f"{module.relative_to(PACKAGE)}:{line}: {here} may not import {words[2]}")
    assert not faults, "\n".join(faults)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """No circle, not of two modules either; imports for types only count as well."""
    names = {module_name(module): module for module in MODULES}
    below = {
        name: {other for _, other in imported(module) if other in names and other != name}
        for name, module in names.items()
    }
    while free := {name for name, others in below.items() if not others & below.keys()}:
        below = {name: others for name, others in below.items() if name not in free}
    assert sorted(below) == []


def module_name(module: Path) -> str:
    """As it is imported."""
    words = module.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(words).removesuffix(".__init__")


def test_there_are_few_packages_to_know() -> None:
    """A newcomer can read the list of what lies at the top."""
    folders = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert len(folders) <= MOST_ROOMS


def test_no_module_is_too_long_to_read_at_once() -> None:
    """One that grows beyond is split by what changes for different reasons."""
    lengths = {module: len(module.read_text().splitlines()) for module in MODULES}
    assert {module: lines for module, lines in lengths.items() if lines > MOST_LINES} == {}


def test_each_package_says_what_belongs_in_it() -> None:
    """And what does not, and where that is."""
    for module in MODULES:
        if module.name == "__init__.py" and module.parent != PACKAGE:
            said = ast.get_docstring(tree(module)) or ""
            assert "Here: " in said, module
            assert "Not here: " in said, module


def test_only_the_listed_modules_touch_the_outside() -> None:
    """Decisions are functions of their arguments: no socket, disk, thread, clock or chance."""
    faults = []
    for module in MODULES:
        path = module.relative_to(PACKAGE).as_posix()
        allowed = set().union(*(what for pattern, what in MAY.items() if fnmatch(path, pattern)))
        used = [(line, name.split(".")[0]) for line, name in imported(module)]
        for line, name in [*used, *called(module)]:
            if name in OUTSIDE - allowed:
                faults.append(f"{path}:{line}: {name} is not for a pure module")
    assert not faults, "\n".join(faults)


def test_decisions_stay_pure_in_a_room_that_touches_the_disk() -> None:
    """When a copy may go, what goes first, what a record becomes: functions of their arguments."""
    for path in PURE:
        module = PACKAGE / path
        names = [name.split(".")[0] for _, name in [*imported(module), *called(module)]]
        assert OUTSIDE.isdisjoint(names), path


def test_the_tables_are_reached_through_the_whole_schema() -> None:
    """Who imported a part alone could meet a database without the other tables."""
    importers = {
        module.name for module in MODULES for _, name in imported(module) if name in TABLES
    }
    assert importers == {"schema.py"}


def test_the_list_names_only_modules_that_exist() -> None:
    """A permission goes when its module goes."""
    paths = [module.relative_to(PACKAGE).as_posix() for module in MODULES]
    assert [p for p in MAY if not any(fnmatch(path, p) for path in paths)] == []


def test_pynetdicoms_example_programs_are_never_imported() -> None:
    """CVE-2026-56445 is in pynetdicom.apps, which EchoNode has no need of."""
    names = [name for module in MODULES for _, name in imported(module)]
    assert [name for name in names if name.startswith("pynetdicom.apps")] == []


# They give the instance along with its path, or look at the file of a local disk alone.
KNOW_WHERE = {
    "model/instance.py",
    "dicomweb/instances.py",
    "dicomweb/frames.py",
    "dicomweb/bulk_data.py",
}


def test_an_instances_bytes_are_read_by_one_seam() -> None:
    """`bytes_of` fetches what is in object storage; a path by itself may name no file yet."""
    faults = []
    for module in MODULES:
        path = module.relative_to(PACKAGE).as_posix()
        if path in KNOW_WHERE or path.startswith("store/"):
            continue
        for node in nodes(module):
            if isinstance(node, ast.Attribute) and node.attr == "path":
                owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
                if owner == "instance":
                    faults.append(f"{path}:{node.lineno}: open bytes_of(instance)")
    assert not faults, "\n".join(faults)


def test_the_store_of_a_configuration_is_opened_by_one_function() -> None:
    """An opening of its own once forgot the object storage that has the instances."""
    openers = {
        module.relative_to(PACKAGE).as_posix()
        for module in MODULES
        for node in nodes(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "open"
        and ast.unparse(node.func) == "Store.open"
    }
    assert openers == {"node/settings/stores.py"}

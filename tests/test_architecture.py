"""The house keeps its shape: who may import whom, and who may touch the world outside.

Read from the source by `ast`, so that a rule holds for code that no test runs. Imports for types
only count as well: a type is knowledge of the other room.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "echonode"

# Each room imports from the lines below its own. `log` is at the bottom because every room logs.
RANKS = [
    {"__main__"},
    {"cli"},
    {"cli_deliveries"},
    {"cli_frame"},
    {"demo"},
    {
        "demo_viewer",
        "probe_sim",
        "example_files",
        "preflight_command",
        "operator_command",
        "node_signals",
    },
    {"node"},
    {"node_parts", "node_web"},
    # The configuration for dimse/ and frames/, the parts' counters for web/.
    {"destinations", "listeners", "sources", "status"},
    {
        "alarms",
        "background_recovery",
        "housekeeping",
        "metrics",
        "preflight",
        "negotiations",
        "flight_report",
        "recent",
    },
    {"commit_times"},
    {
        "intake",
        "storage_scp",
        "reencoding",
        "exam",
        "delivery",
        "commitment",
        "query",
        "retrieve",
        "ledger",
        "operator_hand",
        "reindexing",
        "scrubbing",
        "running_node",
        "thumbnails",
    },
    {"held_captures", "remedies"},
    {
        "probe",
        "frames",
        "objects",
        "store",
        "dimse",
        "web",
        "config",
        "freed_memory",
        "local_zone",
        "process_limits",
    },
    {"model"},
    {"errors", "log", "__init__"},
]
# Sideways only along the path of the data.
SIDEWAYS = {
    ("frames", "probe"),
    ("objects", "frames"),
    ("retrieve", "query"),
    ("config", "frames"),  # the table of protocols, which loads no decoder
}

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
    "cli_frame.py": DISK,  # the environment
    "log.py": set(),
    "demo*": OUTSIDE,
    "ledger.py": set(),
    "reindexing.py": {"open()", "now()"},  # of the store; the figures' moment
    "probe_sim.py": OUTSIDE,
    "example_files.py": DISK,  # writes the example where it is wanted
    "node*": OUTSIDE,
    "config/*": DISK,
    "config/certificates.py": DISK | {"ssl"},
    "local_zone.py": DISK,
    "status.py": CLOCK,
    "preflight/awaited.py": THREADS,  # reports come on any association's thread
    "preflight/peer_check.py": NETWORK | CLOCK,  # TCP alone, before DICOM; and how long it took
    "preflight/preflight.py": THREADS,  # one at a time
    "preflight/specimen.py": DISK,  # the test image, while it is sent
    "preflight_command.py": CLOCK | DISK,
    "operator_command.py": DISK | CLOCK,
    "running_node.py": NETWORK,
    "negotiations.py": THREADS | CLOCK,
    "flight_report.py": DISK,
    "listeners.py": NETWORK,  # this machine's name
    "background_recovery.py": THREADS | CLOCK,  # one part after the other, with pauses
    "housekeeping.py": THREADS | CLOCK,  # once a minute, by the monotonic clock
    "scrubbing.py": THREADS | CLOCK,  # once a minute, by the monotonic clock
    "dimse/*": OUTSIDE,
    "store/*": DISK | THREADS | CLOCK | CHANCE,
    "web/*": NETWORK | THREADS | DISK,
    "probe/line.py": NETWORK,
    "probe/tcp_listener.py": NETWORK | CLOCK,
    "probe/link.py": THREADS | CLOCK | CHANCE,
    "probe/commands_and_lines.py": NETWORK | CLOCK,
    "probe/simulator.py": OUTSIDE,
    "probe/epf_simulator.py": NETWORK | THREADS | CLOCK,
    "probe/recording.py": DISK,
    "probe/image_file.py": DISK,
    "probe/openigtlink_sender.py": NETWORK | THREADS | CLOCK,
    "probe/backlog.py": THREADS,
    "frames/source.py": THREADS | CLOCK | CHANCE,
    "frames/reception.py": THREADS,
    "frames/handover.py": THREADS | CLOCK,
    "frames/command_desk.py": THREADS | CLOCK,
    "frames/manual_capture.py": THREADS | CLOCK,
    "frames/file_player.py": THREADS | CLOCK,
    "intake.py": THREADS | CLOCK,
    "held_captures.py": THREADS,  # any probe's thread may bring one
    "delivery/w*.py": THREADS | CLOCK | CHANCE,  # worker, and the wiring that gives it its clock
    "delivery/crew.py": THREADS | CLOCK,  # the lanes beside the worker's own
    "delivery/claims.py": THREADS,  # the queue that the lanes share, and what else they share:
    "delivery/settlement.py": THREADS,
    "delivery/clerk.py": THREADS,
    "delivery/acquaintance.py": THREADS,
    "objects/transcode_workers.py": THREADS | DISK,  # codecs are native code in processes:
    "objects/transcode_process.py": THREADS | DISK,
    "commitment/commitment_scp.py": THREADS | CLOCK,
    "commitment/commitment_scu.py": CHANCE,  # a Transaction UID is never used again
    "query/find_scp.py": THREADS | CLOCK,
    "retrieve/*_scp.py": CLOCK,
    "exam/unattended.py": THREADS,  # remembers its answers, for several probes
    "commit_times.py": THREADS,  # reports come on any association's thread
    "thumbnails.py": DISK | THREADS,  # reads one frame; one is drawn at a time
    "reencoding.py": DISK,  # the re-encoded copy, for as long as it is sent
}

# Decisions that live among disks, and touch none of them.
PURE = {
    "store/claim_order.py",
    "store/folding.py",
    "store/index_values.py",
    "store/record.py",
    "store/retention.py",
    "store/values.py",
}
# Parts of the database's schema that are one only together: reached through schema.py.
TABLES = {"echonode.store.index_schema", "echonode.store.delivery_schema"}

PLACED = frozenset().union(*RANKS)
TREES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = list(TREES)


def room(module: Path) -> str:
    """The folder under echonode/, or the name of a module that stands there itself."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(module: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, wherever it stands."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "echonode":
            yield from ((node.lineno, f"echonode.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def called(module: Path) -> Iterator[tuple[int, str]]:
    """(line, last name) of every call: open() is `open()`, path.read_text() is `read_text()`."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call):
            name = node.func
            yield node.lineno, getattr(name, "attr", getattr(name, "id", "")) + "()"


def rank(name: str) -> int:
    """How far down a room lies; one without a place, at the top, where it may not be imported."""
    return next((depth for depth, rooms in enumerate(RANKS) if name in rooms), -1)


def test_every_module_has_its_place() -> None:
    """A new room or module is given a rank before anybody imports it."""
    assert {room(module) for module in MODULES} - PLACED == set()


def test_imports_go_downwards_only() -> None:
    """cli -> node -> workflows -> parts -> model -> errors; sideways only along the data's path."""
    faults = []
    for module in MODULES:
        here = room(module)
        for line, name in imported(module):
            if not name.startswith("echonode"):
                continue
            there = name.removeprefix("echonode").strip(".").split(".")[0] or "__init__"
            is_room = there in PLACED | {room(other) for other in MODULES}
            there = there if is_room else "__init__"  # `from echonode import __version__`
            if here == there or (here, there) in SIDEWAYS or rank(here) < rank(there):
                continue
            faults.append(f"{module.relative_to(PACKAGE)}:{line}: {here} may not import {there}")
    assert not faults, "\n".join(faults)


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

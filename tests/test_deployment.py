"""What is shipped for deployment fits together: image, compose file, configurations, lock files.

No container engine is needed: the files are read as the engine would read them.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import typer.main
import yaml

from echonode import __version__
from echonode.cli import app
from echonode.commands import container_health
from echonode.config import Config, parse
from echonode.model.identity import CommitmentPolicy, Service
from echonode.node.node import STOP_DEADLINE_S
from tests.peers import OrthancServer
from tests.peers.fixtures import require_program

ROOT = Path(__file__).resolve().parents[1]
LOCKS = [
    "requirements.lock",
    "requirements-extras.lock",
    "requirements-dev.lock",
    "requirements-build.lock",
]
TLS_KEYS = ("cert", "key", "ca")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, the rest) of each instruction, comments gone and lines joined."""
    lines = [line for line in read("Dockerfile").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def instruction(name: str) -> list[str]:
    return [rest for word, rest in dockerfile() if word == name]


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))["services"][name]
    return found


def container_ports(name: str) -> set[int]:
    """The ports that compose publishes of a service, as inside its container."""
    return {int(port.rpartition(":")[2]) for port in service(name)["ports"]}


def orthanc() -> dict[str, Any]:
    """Orthanc's configuration: JSON with comment lines."""
    lines = read("deploy/orthanc.json").splitlines()
    found: dict[str, Any] = json.loads(
        "\n".join(line for line in lines if not line.strip().startswith("//"))
    )
    return found


def deployed() -> Config:
    return parse(read("deploy/echonode.yaml"), {})


def options_of(command: str) -> set[str]:
    """The options that `echonode COMMAND` knows, and those of its own commands, where it has some.

    KeyError for a command that does not exist.
    """
    found = typer.main.get_group(app).commands[command]
    commands = [found, *getattr(found, "commands", {}).values()]
    return {option for each in commands for parameter in each.params for option in parameter.opts}


# --- the image ---


def copied() -> Iterator[str]:
    for rest in instruction("COPY"):
        if "--from=" not in rest:
            yield from shlex.split(rest)[:-1]


def test_everything_that_the_image_copies_exists_and_is_sent_to_the_engine() -> None:
    """A build does not fail at a COPY, and .dockerignore holds back nothing that it needs."""
    sent = {line.lstrip("!").rstrip("/") for line in read(".dockerignore").splitlines()}
    for source in copied():
        if "[" in source:  # a pattern, which may match nothing: made before the build, or not
            assert source.translate({91: None, 93: None}) in sent, source
            continue
        assert (ROOT / source).exists(), source
        assert source in sent, f"{source} is not let through by .dockerignore"


def test_the_image_does_not_run_as_root() -> None:
    """The last USER is a number other than 0, so that an orchestrator can check it."""
    user = instruction("USER")[-1].split(":")[0]
    assert int(user) > 0
    words = [word for word, _ in dockerfile()]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word == "RUN")


def test_the_image_installs_by_hash_only() -> None:
    """Every package comes from a lock file; nothing else is resolved during a build."""
    for command in instruction("RUN"):
        for install in re.findall(r"pip install [^&]*", command):
            assert "--require-hashes" in install or "--no-deps" in install, install


def test_the_images_command_is_one_that_echonode_has() -> None:
    """`docker run echonode` starts the node with the configuration that is mounted."""
    assert json.loads(instruction("ENTRYPOINT")[0]) == ["echonode"]
    command, *arguments = json.loads(instruction("CMD")[0])
    assert set(arguments[::2]) <= options_of(command)
    targets = [volume.split(":")[1] for volume in service("echonode")["volumes"]]
    assert arguments[arguments.index("--config") + 1] in targets


def test_the_health_check_reads_the_configuration_that_runs() -> None:
    """The container is healthy exactly when the console of its configuration answers."""
    options, _, command = instruction("HEALTHCHECK")[0].partition(" CMD ")
    program, flag, module, path = json.loads(command)
    assert (program, flag, module) == ("python", "-m", container_health.__name__)
    assert path == json.loads(instruction("CMD")[0])[-1]
    found = re.search(r"--timeout=(\d+)s", options)
    assert found is not None
    assert int(found[1]) > container_health.TIMEOUT_S


def test_every_configured_port_is_exposed_and_published() -> None:
    """What the node listens on can be reached, and nothing is published that it does not serve."""
    config = deployed()
    assert config.web is not None
    assert config.web.viewer_port is not None
    ports = {listener.port for listener in config.listen} | {config.web.port}
    ports.add(config.web.viewer_port)
    assert {int(port) for port in instruction("EXPOSE")[0].split()} == ports
    # Port 104 stays inside, where Orthanc calls it: a rootless engine may not publish it.
    assert container_ports("echonode") == ports - {104}


def test_the_store_outlives_the_container() -> None:
    """data_dir is the image's volume, and compose gives it a name."""
    data_dir = str(deployed().data_dir)
    assert instruction("VOLUME") == [data_dir]
    targets = {
        volume.split(":")[1]: volume.split(":")[0] for volume in service("echonode")["volumes"]
    }
    assert targets[data_dir] in yaml.safe_load(read("docker-compose.yml"))["volumes"]


# --- compose: both ways between EchoNode and Orthanc ---


def test_echonode_finds_orthanc_under_its_own_name_and_port() -> None:
    """The way there: AE title, host and port are those of Orthanc's own configuration."""
    (peer,) = deployed().peer_values()
    assert (peer.ae_title, peer.port) == (orthanc()["DicomAet"], orthanc()["DicomPort"])
    assert peer.host == service("orthanc")["hostname"]
    assert peer.port in container_ports("orthanc")
    assert orthanc()["HttpPort"] in container_ports("orthanc")


def test_orthanc_can_call_back_with_its_commitment_report() -> None:
    """The way back: Orthanc knows our AE title, host and port, and may report and be served."""
    (modality,) = orthanc()["DicomModalities"].values()
    config = deployed()
    assert modality["AET"] == config.ae_title
    assert modality["Host"] == service("echonode")["hostname"]
    assert modality["Port"] in {listener.port for listener in config.listen}
    assert modality["AllowStorageCommitment"] is True
    (destination,) = config.destination_values()
    assert destination.commitment is CommitmentPolicy.REQUIRED
    assert Service.COMMIT in destination.peer.may


@pytest.mark.peers
def test_a_real_orthanc_takes_the_shipped_configuration(
    make_orthanc: Callable[..., OrthancServer],
) -> None:
    """Its keys are ones that Orthanc knows: it may be called by us and may report to us."""
    here = {"DicomPort", "HttpPort", "RemoteAccessAllowed", "AuthenticationEnabled"}
    options = {key: value for key, value in orthanc().items() if key not in here}
    known = make_orthanc(options=options).rest.get("/modalities?expand")["echonode"]
    assert known["AET"] == deployed().ae_title
    assert known["AllowEventReport"] is True  # storage commitment, there and back
    assert known["AllowNAction"] is True


def test_the_simulated_probe_is_where_the_configuration_looks_for_it() -> None:
    """`--profile demo` needs no editing: same protocol, dialect, name and port."""
    command, *arguments = service("probe-sim")["command"]
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert options.keys() <= options_of(command)
    (probe,) = deployed().probes
    assert (options["--protocol"], options["--dialect"]) == (probe.protocol, probe.dialect)
    assert probe.connect == f"{service('probe-sim')['hostname']}:{options['--port']}"
    assert options["--host"] == "0.0.0.0"


def test_compose_builds_the_version_of_this_checkout() -> None:
    """The image's tag says what is in it, and Orthanc's is pinned."""
    assert service("echonode")["image"] == f"echonode:{__version__}"
    assert re.fullmatch(r".+:\d+\.\d+\.\d+", service("orthanc")["image"])


def test_the_images_can_be_looked_at() -> None:
    """Both images bring the OHIF viewer; where it is and how to log in are at the head."""
    environment = service("orthanc")["environment"]
    assert environment["OHIF_PLUGIN_ENABLED"] == "true"
    assert environment["DICOM_WEB_PLUGIN_ENABLED"] == "true"
    head = read("docker-compose.yml").partition("\nname:")[0]
    assert f"http://127.0.0.1:{orthanc()['HttpPort']}/ohif/" in head
    assert "user orthanc, password orthanc" in head
    web = deployed().web
    assert web is not None
    assert f"http://127.0.0.1:{web.viewer_port}/" in head


@pytest.mark.parametrize("name", ["echonode", "orthanc", "probe-sim"])
def test_times_are_those_of_the_clinic(name: str) -> None:
    """TZ of the one who starts it goes into every container; else it is UTC, and that is said."""
    assert service(name)["environment"]["TZ"] == "${TZ:-UTC}"


@pytest.mark.parametrize("name", ["echonode", "probe-sim"])
def test_a_container_can_change_nothing_but_its_volume(name: str) -> None:
    """Its root is read-only, and it has no capability but that of a port below 1024."""
    assert service(name)["read_only"] is True
    assert service(name)["cap_drop"] == ["ALL"]
    assert service(name)["cap_add"] == ["NET_BIND_SERVICE"]
    assert service(name)["tmpfs"] == ["/tmp"]
    assert not service(name).get("privileged", False)


@pytest.mark.parametrize("name", ["echonode", "orthanc"])
def test_compose_publishes_on_this_machine_only(name: str) -> None:
    """Trying it out does not open an archive to the network."""
    assert all(port.startswith("127.0.0.1:") for port in service(name)["ports"])


def test_compose_mounts_files_that_exist() -> None:
    """A missing file would be made a folder by the engine, and the node would not start."""
    for name in ("echonode", "orthanc"):
        for volume in service(name)["volumes"]:
            if volume.startswith("./"):
                assert (ROOT / volume.split(":")[0]).is_file()


# --- systemd ---


def unit() -> dict[str, list[str]]:
    """Setting -> its values, over all sections."""
    found: dict[str, list[str]] = {}
    for line in read("deploy/echonode.service").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_service_has_what_the_node_needs_and_no_more() -> None:
    """Port 104 without root, a folder of its own, and more time to stop than the node takes."""
    settings = unit()
    assert settings["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert settings["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert settings["DynamicUser"] == ["yes"]
    assert settings["StateDirectory"] == ["echonode"]
    assert int(settings["TimeoutStopSec"][0]) > STOP_DEADLINE_S
    for command in (*settings["ExecStart"], *settings["ExecStartPre"]):
        program, name, *arguments = shlex.split(command)
        assert program.endswith("/bin/echonode")
        assert {a for a in arguments if a.startswith("--")} <= options_of(name)


@pytest.mark.peers
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say about it."""
    file = tmp_path / "echonode.service"
    program = Path(sys.executable).with_name("echonode")
    file.write_text(
        read("deploy/echonode.service").replace("/opt/echonode/bin/echonode", str(program))
    )
    done = subprocess.run(
        [require_program("systemd-analyze"), "verify", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# --- the example configurations ---


def test_the_example_for_one_machine_is_valid() -> None:
    """Copied as it is, it starts: check-config finds no fault."""
    config = parse(read("config/echonode.yaml"), {})
    assert all(listener.host == "127.0.0.1" for listener in config.listen)


def test_what_the_example_shows_of_a_destination_is_valid_too() -> None:
    """Without the comment signs, `statuses` and `lossy` mean what is written next to them."""
    text = read("config/echonode.yaml")
    for shown in ("    # statuses:", "    #   C211:", "    # lossy:"):
        assert text.count(shown) == 1
        text = text.replace(shown, shown.replace("# ", "", 1))
    [destination] = parse(text, {}).destinations
    assert destination.statuses["C211"].retry_delays_s == (60, 600)
    assert destination.lossy is not None
    assert destination.lossy.keep_original


def test_the_example_for_a_clinic_is_valid_once_its_certificates_are_there(tmp_path: Path) -> None:
    """What remains to be done is what its head says: the certificates. No other fault."""
    authority = trustme.CA()
    issued = authority.issue_cert("echonode.clinic.example")
    pems = (issued.cert_chain_pems[0], issued.private_key_pem, authority.cert_pem)
    environment = {}
    for key, pem in zip(TLS_KEYS, pems, strict=True):
        file = tmp_path / f"{key}.pem"
        file.touch(mode=0o600)
        file.write_bytes(pem.bytes())
        for path in ("listen__1__tls", "peers__pacs__tls"):
            environment[f"ECHONODE__{path}__{key}"] = str(file)
    config = parse(read("config/clinic.yaml"), environment)
    assert len(config.probes) == 2
    assert config.listen[1].tls is not None


# --- the lock files ---


def requirements(name: str) -> dict[str, str]:
    """Package -> version of a lock file."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", read(name), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_every_package_by_hash_and_names_no_index(name: str) -> None:
    """The same files are installed everywhere, from whichever mirror the machine is set to."""
    entries = re.split(r"\n(?=\w)", read(name).strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in read(name)
    assert "index-url" not in read(name)


def test_the_lock_files_have_every_dependency_and_agree() -> None:
    """What pyproject.toml asks for is locked; the tests run on what is shipped."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    runtime, dev = requirements("requirements.lock"), requirements("requirements-dev.lock")
    extras = requirements("requirements-extras.lock")
    assert runtime.items() <= extras.items() <= dev.items()
    wanted = {
        "requirements.lock": project["dependencies"],
        "requirements-dev.lock": project["optional-dependencies"]["dev"],
        "requirements-extras.lock": [
            *project["optional-dependencies"]["cluster"],
            *project["optional-dependencies"]["research"],
        ],
    }
    for lock, names in wanted.items():
        locked = {name.lower() for name in requirements(lock)}
        for name in names:
            assert re.split(r"[<>=~!\[ ]", name)[0].lower() in locked, f"{name}: run `make lock`"


# --- make ---


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/bin/make", "--no-print-directory", "-C", str(ROOT), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


@pytest.mark.parametrize(
    "target",
    ["install", "demo", "viewer", "test", "containers", "check", "bench", "faults", "clean"],
)
def test_make_help_names_every_promised_target(target: str) -> None:
    """A newcomer finds the commands without reading the Makefile."""
    assert re.search(rf"make {target}\s+\S", make("help").stdout)


def script(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "tools" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )


def fake(folder: Path, name: str, body: str) -> None:
    """A program of that name which does what `body` says."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    """The message says which version was found and how to name another."""
    old = f"exec {sys.executable} -c 'import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])'"
    fake(
        tmp_path / "bin",
        "python3",
        f'test "$1" = --version && echo Python 3.9.2 && exit; {old} "$2"',
    )
    result = script("setup-venv.sh", str(tmp_path / "venv"), PATH=f"{tmp_path}/bin")
    assert result.returncode == 1
    assert "3.11 or later" in result.stderr
    assert "Python 3.9.2" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_without_python3_venv_a_user_reads_the_one_line_to_run(tmp_path: Path) -> None:
    """Not root: nothing is installed unasked, and nothing is left half made."""
    minor = sys.version_info.minor
    fake(
        tmp_path / "bin",
        "python3",
        f'case "$2" in *ensurepip*) exit 1;; *-venv*) echo python3.{minor}-venv;; esac',
    )
    fake(tmp_path / "bin", "id", "echo 1000")
    result = script("setup-venv.sh", str(tmp_path / "venv"), PATH=f"{tmp_path}/bin")
    assert result.returncode == 1
    assert f"apt-get install -y python3.{minor}-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    ("programs", "said"),
    [({"id": "echo 1000"}, "podman needs root"), ({"id": "echo 0"}, "missing: podman runc")],
)
def test_without_an_engine_the_containers_are_left_out_and_it_says_so(
    tmp_path: Path, programs: dict[str, str], said: str
) -> None:
    """A machine that cannot run them, and may not install them, goes on with the other checks."""
    for name, body in ({"docker": "exit 1"} | programs).items():
        fake(tmp_path / "bin", name, body)
    (tmp_path / "bin" / "dirname").symlink_to("/usr/bin/dirname")
    result = script("containers.sh", PATH=f"{tmp_path}/bin")
    assert result.returncode == 0
    assert "Containers are not tested here" in result.stderr
    assert said in result.stderr


# --- what the documents say ---

DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_only_commands_that_exist(name: str) -> None:
    """`echonode WORD` in code is a command, and the options behind it are its own."""
    known = set(typer.main.get_group(app).commands)
    for code in re.findall(
        r"`([^`\n]+)`|^((?:echonode|\.venv/bin/echonode) .*)$", read(name), re.M
    ):
        for call in re.findall(r"\bechonode ([a-z][a-z-]*)((?: [^|`#]*)?)", " ".join(code)):
            command, rest = call
            assert command in known, f"{name}: echonode {command}"
            used = set(re.findall(r"(?<= )--[a-z-]+", rest))
            assert used <= options_of(command), f"{name}: echonode {command}{rest}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_documents_links_lead_somewhere(name: str) -> None:
    """Files and pictures that it points to are in the repository."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(name)):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"

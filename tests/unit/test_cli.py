"""The command line: examples, messages without our class names, the same mistake said alike."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner, Result

from echonode.cli import app, unsupported
from echonode.errors import UsageError
from echonode.store.store import Store
from echonode.web.operator import operator_routes
from echonode.web.server import WebServer
from tests.peers.ports import free_port
from tests.unit.store.samples import Clock

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _log_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands run in this process: they must not set up logging for the tests after them."""
    monkeypatch.setattr("echonode.log.configure", lambda **_: None)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", ["echonode.yaml", "clinic.yaml"])
def test_the_package_has_the_examples_of_the_repository(name: str) -> None:
    """A user of the package has them too; `cp config/*.yaml echonode/config/examples/`."""
    shipped = (ROOT / "echonode" / "config" / "examples" / name).read_bytes()
    assert shipped == (ROOT / "config" / name).read_bytes()


@pytest.mark.slow
def test_init_writes_an_example_that_is_valid(tmp_path: Path) -> None:
    """DIR is made, the next steps are printed, and a file that is there stays as it is."""
    done = run("init", tmp_path / "clinic")
    file = tmp_path / "clinic" / "echonode.yaml"
    assert done.exit_code == 0
    assert f"echonode check-config {file}" in done.output
    assert run("check-config", file).exit_code == 0
    file.write_text("mine")
    again = run("init", tmp_path / "clinic")
    assert (again.exit_code, file.read_text()) == (2, "mine")
    assert "exists already" in again.output


@pytest.mark.slow
def test_init_writes_where_the_commands_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `echonode init` no command needs --config; before, they say that there is init."""
    monkeypatch.chdir(tmp_path)
    before = run("ledger")
    assert (before.exit_code, "echonode init" in before.output) == (2, True)
    assert run("init").exit_code == 0
    assert run("check-config").exit_code == 0


@pytest.mark.slow
def test_check_config_takes_the_option_of_the_other_commands() -> None:
    """`check-config FILE` and `check-config --config FILE`; both at once are bad usage."""
    example = ROOT / "config" / "echonode.yaml"
    assert run("check-config", example).output == run("check-config", "--config", example).output
    assert run("check-config", example, "--config", example).exit_code == 2


def node_file(folder: Path, port: int) -> Path:
    file = folder / "node.yaml"
    file.write_text(
        f"ae_title: A\ndata_dir: {folder}/var\nweb: {{host: 127.0.0.1, port: {port}}}\n"
        f"listen: [{{host: 127.0.0.1, port: {free_port()}}}]\n"
    )
    return file


@pytest.mark.slow
def test_an_unknown_peer_is_bad_usage_with_the_node_running_too(tmp_path: Path) -> None:
    """`preflight --peer nobody`: exit status 2 and the same words, by the node or the command."""
    port = free_port()
    file = node_file(tmp_path, port)
    stopped = run("preflight", "--peer", "nobody", "--config", file)

    def preflight(peer: str | None) -> dict[str, object]:
        raise UsageError("there is no peer `nobody`; configured are: none")

    with Store.open(tmp_path / "var", now=Clock()):
        server = WebServer(
            host="127.0.0.1",
            port=port,
            routes=operator_routes(
                act=lambda *_: {}, preflight=preflight, acknowledge=lambda _: {}
            ),
        )
        server.start()
        running = run("preflight", "--peer", "nobody", "--config", file)
        server.stop(5)
    assert (stopped.exit_code, running.exit_code) == (2, 2)
    assert stopped.output.startswith("there is no peer `nobody`")
    assert running.output.startswith("there is no peer `nobody`")


@pytest.mark.slow
def test_a_message_is_a_sentence_without_our_class_names(tmp_path: Path) -> None:
    """A locked store is said in words; `StoreLocked:` means something to programmers alone."""
    file = node_file(tmp_path, free_port())
    with Store.open(tmp_path / "var", now=Clock()):
        done = run("reindex", "--config", file)
    assert done.exit_code == 1
    assert "StoreLocked" not in done.output
    assert "files without" not in done.output, "no progress bar of what was not begun"
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.slow
def test_windows_is_refused_in_words() -> None:
    """Before anything that is not there is imported; Linux and macOS are let through."""
    assert unsupported("posix") == ""
    assert "does not run on Windows" in unsupported("nt")
    code = (
        "import os, sys\n"
        "sys.modules.update(fcntl=None, resource=None)\n"
        "import echonode.cli as cli\n"
        "os.name = 'nt'\n"
        "cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("EchoNode runs on Linux")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_help_comes_with_completion() -> None:
    """`--install-completion` is there for the shell."""
    assert "--install-completion" in run("--help").output


def test_help_explains_every_option_and_argument() -> None:
    """In sentences: no reader has to guess from a name."""
    for name, command in typer.main.get_group(app).commands.items():
        assert (command.help or "").partition("\n")[0].endswith("."), name
        for parameter in command.params:
            said = getattr(parameter, "help", None) or ""
            assert said.endswith("."), f"{name} {parameter.name}: {said!r}"


@pytest.mark.slow
def test_the_ledger_loads_only_what_it_needs() -> None:
    """Asked for every minute by a monitoring script, it loads neither pydicom nor numpy."""
    code = (
        "import echonode.monitoring.ledger, sys\n"
        "print([m for m in ('pydicom', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--protocol", "usb"), "--protocol usb is not simulated"),
        (("--protocol", "echopen", "--connect"), "--connect is for openigtlink"),
        (("--protocol", "echopen", "--dialect", "knit"), "--dialect knit is not simulated"),
    ],
)
def test_probe_sim_names_the_option_that_does_not_fit(
    arguments: tuple[str, ...], words: str
) -> None:
    """Only what is wrong is called wrong."""
    done = run("probe-sim", "--port", "0", *arguments)
    assert done.exit_code == 2
    assert words in done.output


@pytest.mark.slow
def test_a_demo_that_is_terminated_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM ends it as Ctrl-C does: its folder is removed."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "echonode", "demo", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("echonode-demo-*/node")):
            assert demo.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) != 0
    finally:
        demo.kill()
        demo.communicate()
    assert list(tmp_path.glob("echonode-demo-*")) == []

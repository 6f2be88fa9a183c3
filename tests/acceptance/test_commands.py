"""The commands as a shell sees them: what they print, and their exit codes."""

from __future__ import annotations

import json
import socket
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.clinic import Clinic
from tests.peers.node_process import ProbeSimProcess
from tests.peers.ports import free_port
from tests.starts.commands import echonode
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(200)


def test_check_config_says_yes_to_the_example() -> None:
    """The shipped example is valid: exit 0."""
    done = echonode("check-config", "config/echonode.yaml")
    assert done.returncode == 0, done.stderr
    assert "is valid" in done.stdout


def test_check_config_lists_every_fault_and_exits_2(tmp_path: Path) -> None:
    """Each fault with its path in the file; none hides another."""
    broken = (ROOT / "config" / "echonode.yaml").read_text()
    broken = broken.replace("port: 4242", "port: 99999").replace("dialect: kit", "dialect: knit")
    (tmp_path / "broken.yaml").write_text(broken)
    done = echonode("check-config", tmp_path / "broken.yaml")
    assert done.returncode == 2
    assert "peers.pacs.port" in done.stderr
    assert "probes[0].dialect" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_refuses_a_broken_configuration_with_exit_2(tmp_path: Path) -> None:
    """A node does not start on a configuration it does not understand."""
    (tmp_path / "broken.yaml").write_text("ae_titel: X\n")
    done = echonode("run", "--config", tmp_path / "broken.yaml")
    assert done.returncode == 2
    assert "Did you mean `ae_title`?" in done.stderr


def test_a_data_dir_that_cannot_be_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    """The key, the folder, the system's words and the remedy; exit 2. check-config doubts it."""
    config = tmp_path / "echonode.yaml"
    config.write_text(f"{{ae_title: X, data_dir: /proc/x, listen: [{{port: {free_port()}}}]}}\n")
    done = echonode("run", "--config", config)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        "data_dir: /proc/x cannot be made (No such file or directory). "
        "Give a folder that this user may write."
    )
    done = echonode("check-config", config)
    assert "warning: data_dir: /proc/x cannot be made here" in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """Exit 2 and the address, not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "node.yaml").write_text(
            f"ae_title: A\ndata_dir: {tmp_path}/var\nlisten: [{{port: {port}}}]\n"
        )
        done = echonode("run", "--config", tmp_path / "node.yaml")
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert done.stderr.count("127.0.0.1") == 1
    assert "listen[0].port" in done.stderr
    assert "Errno" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("run", "--no-such-option"),
        ("probe-sim", "--protocol", "usb", "--port", "0"),
        ("probe-sim", "--protocol", "echopen", "--port", "0", "--recording", "/no/such/file"),
        ("ledger", "--config", "/no/such/file"),
    ],
)
def test_bad_usage_exits_2_and_says_what(arguments: tuple[str, ...]) -> None:
    """Wrong words on the command line are answered in words."""
    done = echonode(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_the_ledger_needs_a_store(tmp_path: Path) -> None:
    """Where no node has run there is nothing to tell, and that is said."""
    (tmp_path / "node.yaml").write_text(f"ae_title: A\ndata_dir: {tmp_path}/var\n")
    done = echonode("ledger", "--json", "--config", tmp_path / "node.yaml")
    assert done.returncode == 2
    assert "has the node run there" in done.stderr


def test_the_ledger_of_a_new_node_is_an_empty_list() -> None:
    """`--json` is JSON also when there is nothing."""
    with ExitStack() as parts:
        clinic = Clinic(parts)
        clinic.start_node()
        assert clinic.node.ledger() == []
        assert clinic.node.command("ledger").stdout.startswith("sop_instance_uid\t")


def _frames(clinic: Clinic) -> int:
    """The frames of all that is stored."""
    return sum(row["frames"] for row in clinic.node.ledger())


@pytest.mark.long
def test_probe_sim_is_a_probe_for_a_node() -> None:
    """The phantom, as its own process, reaches the store of a node; no data file is needed."""
    with ExitStack() as parts:
        port = free_port()
        clinic = Clinic(parts, probe_port=port, capture={"mode": "auto", "gap_s": 0.3})
        clinic.start_node()
        arguments = ("--protocol", "echopen", "--dialect", "kit", "--frames", "15", "--fps", "30")
        simulator = parts.enter_context(ProbeSimProcess(*arguments, port=port))
        assert simulator.wait(60) == 0
        # Where the machine is too busy to send in time, a gap ends a clip and begins another.
        wait_until(lambda: _frames(clinic) == 15, timeout_s=60, what="every frame is stored")
        assert clinic.node.ledger()[0]["state"] == "queued", "no archive is there"


def test_the_demo_proves_the_path() -> None:
    """`echonode demo` ends with a table without a mismatch and exits 0."""
    done = echonode("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal bit for bit" in done.stdout
    assert "MISMATCH" not in done.stdout
    assert "echonode demo --keep" in done.stdout  # what there is to look at, and how


def test_health_and_ledger_over_http() -> None:
    """What a container engine, Prometheus and the page ask is answered."""
    with ExitStack() as parts:
        port = free_port()
        web = {"host": "127.0.0.1", "port": port, "viewer_port": free_port()}
        clinic = Clinic(parts, extra={"web": web})
        clinic.start_node()

        def get(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return str(answer.read().decode())

        assert json.loads(get("/health/live"))["alive"]
        assert json.loads(get("/health/ready"))["ready"]
        assert json.loads(get("/api/ledger")) == []
        assert 'echonode_captures_total{outcome="stored"} 0.0' in get("/metrics")
        assert "<title>EchoNode" in get("/")

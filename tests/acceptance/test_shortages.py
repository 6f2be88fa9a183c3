"""The node where the system gives little: few descriptors, little memory, and an early end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import yaml

from echonode.dimse.contexts import VERIFICATION
from echonode.dimse.requestor import Requestor
from echonode.model.identity import Peer
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

MUTE = 600


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def node_with_probe(parts: ExitStack, probe_port: int, ulimit: str) -> EchoNodeProcess:
    """A node that serves SCU and captures from one probe."""
    return parts.enter_context(
        EchoNodeProcess(
            peers={"scu": {"ae_title": "SCU", "host": LOOPBACK, "port": 104, "may": ["echo"]}},
            probes=[
                {
                    "name": "handheld",
                    "protocol": "echopen",
                    "dialect": "kit",
                    "connect": f"{LOOPBACK}:{probe_port}",
                    "capture": {"mode": "auto", "gap_s": 1.0, "max_clip_s": 2.0},
                }
            ],
            ulimit=ulimit,
        )
    )


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  names alone, of a folder in motion


def echo_seconds(node: EchoNodeProcess) -> float:
    """How long an honest C-ECHO takes, connection and all."""
    target = Peer(name="n", ae_title=node.ae_title, host=LOOPBACK, port=node.port, may=frozenset())
    began = time.monotonic()
    with Requestor(ae_title="SCU").associate(target, [VERIFICATION]) as assoc:
        assert assoc.c_echo() == 0x0000
    return time.monotonic() - began


def test_silent_callers_do_not_use_up_1024_descriptors(parts: ExitStack) -> None:
    """600 connections that say nothing, at the usual limit of a shell: an honest caller is served,
    the probe's images are captured meanwhile, and the log has a tally instead of tracebacks.
    """
    probe_port = free_port()
    node = node_with_probe(parts, probe_port, "-n 1024")
    mark = node.mark()
    mute = [
        parts.enter_context(socket.create_connection((LOOPBACK, node.port))) for _ in range(MUTE)
    ]
    assert len(mute) == MUTE
    assert max(echo_seconds(node) for _ in range(5)) < 10.0  # 1 s on a machine of its own
    assert descriptors(node.child.pid) < 900
    arguments = ("--protocol", "echopen", "--dialect", "kit", "--frames", "10", "--fps", "20")
    with ProbeSimProcess(*arguments, port=probe_port):
        node.wait_for("instance_stored", since=mark, timeout_s=60)
    failed = [line for line in node.events if line["event"] == "accept_failed"]
    assert failed == []
    evicted = [line for line in node.events if line["event"] == "association_rejected"]
    assert len(evicted) <= 3  # each reason once a minute
    assert "Traceback" not in node.stderr()
    assert node.stop() == 0


def test_the_soft_limit_of_descriptors_is_raised(parts: ExitStack) -> None:
    """A shell's 1,024 are no limit where the system allows more."""
    node = node_with_probe(parts, free_port(), "-S -n 256")
    limits = Path(f"/proc/{node.child.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    soft, hard = line.split()[3:5]
    assert soft == hard


def test_a_node_leaves_no_core_dump(parts: ExitStack) -> None:
    """What is in its memory are images and names: no dump in a file, and none to a collector,
    which shows by the owner of the files under /proc. By option it may, for debugging.
    """
    node = node_with_probe(parts, free_port(), "-c unlimited")
    limits = Path(f"/proc/{node.child.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]
    node.stop()
    node.extra["process"] = {"core_dumps": True}
    node.start()
    limits = Path(f"/proc/{node.child.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["unlimited", "unlimited"]


def test_a_process_that_may_not_be_dumped_says_so() -> None:
    """PR_GET_DUMPABLE (prctl(2)) is 0 afterwards: a collector that the kernel starts gets nothing
    either. In a process of its own, which the test does not have to restore.
    """
    script = (
        "import ctypes, resource\n"
        "from echonode.node.process_limits import forbid_core_dumps\n"
        "forbid_core_dumps()\n"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "0", "0"]


@pytest.mark.parametrize("kilobytes", [200_000, 400_000, 780_000])
def test_a_start_without_memory_ends_in_words(tmp_path: Path, kilobytes: int) -> None:
    """Exit code 1 and one message of what to raise: no traceback, and nothing left running."""
    config = tmp_path / "echonode.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "ae_title": "ECHONODE",
                "data_dir": str(tmp_path / "data"),
                "listen": [{"host": LOOPBACK, "port": free_port()}],
                "web": {"host": LOOPBACK, "port": free_port()},
            }
        )
    )
    done = subprocess.run(
        [
            *("sh", "-c", f'ulimit -v {kilobytes}; exec "$@"', "sh"),
            *(sys.executable, "-m", "echonode", "run", "--config", str(config)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    assert "Traceback" not in done.stdout + done.stderr
    assert "too little memory" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_before_the_node_is_there_is_in_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A stop while the program still loads: exit code 0, as later."""
    config = tmp_path / "echonode.yaml"
    port = free_port()
    config.write_text(
        yaml.safe_dump(
            {
                "ae_title": "ECHONODE",
                "data_dir": str(tmp_path / "data"),
                "listen": [{"host": LOOPBACK, "port": port}],
            }
        )
    )
    for trial in range(6):
        with subprocess.Popen(
            [sys.executable, "-m", "echonode", "run", "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                end_at(process, number, trial)
            finally:
                process.kill()


def end_at(process: subprocess.Popen[bytes], number: signal.Signals, trial: int) -> None:
    """Its first own step is to take the signals; the trials are spread over its start."""
    # Python takes SIGINT before that, so it is SIGTERM that tells.
    taken = partial(takes, process.pid, signal.SIGTERM)
    wait_until(taken, timeout_s=60, what="signals are taken", every_s=0.001)
    if trial == 0:
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        assert "numpy" not in loaded, "signals are taken only once most of it is loaded"
    time.sleep(trial * 0.2)  # the moment is the test's input
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()[-2000:]


def takes(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal (proc(5), SigCgt)."""
    status = ""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
    caught = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(caught) and bool(int(caught[0], 16) >> (number - 1) & 1)

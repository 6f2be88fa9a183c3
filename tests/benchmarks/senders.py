"""The senders: EchoNode, stock pynetdicom, plain sockets and DCMTK, in their own processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.benchmarks.contest import Failed
from tests.benchmarks.work import Address, Errand
from tests.peers import ChildProcess, find_program
from tests.peers.stock import ROOT

TIMEOUT_S = 600.0


class Sender(Protocol):
    """Sends errands, each on an association of its own, all at the same time."""

    def send(self, errands: Sequence[Errand], address: Address) -> float:
        """The seconds from the start to the last sender's end. Raises Failed."""


class WorkerSender:
    """One worker process for each association; started and imported before anything is timed."""

    def __init__(self, engine: str, folder: Path, *, workers: int = 1) -> None:
        self._children = [
            ChildProcess(
                [sys.executable, "-m", "tests.benchmarks.worker", engine],
                folder=folder,
                name=f"{engine}-{id(self):x}-{number}",
                env={"PYTHONPATH": str(ROOT)},
                pipe_output=True,
                pipe_input=True,
            )
            for number in range(workers)
        ]

    @property
    def pid(self) -> int:
        """The first worker's process."""
        return self._children[0].pid

    def send(self, errands: Sequence[Errand], address: Address) -> float:
        busy = list(zip(self._children, errands, strict=False))
        orders = [{"errand": e.as_json(), "address": vars(address)} for e in errands]
        lines = [json.dumps(order).encode() + b"\n" for order in orders]
        started = time.perf_counter()
        for (child, _), line in zip(busy, lines, strict=True):
            _order(child, line)
        answers = [_answer(child) for child, _ in busy]
        elapsed = time.perf_counter() - started
        for answer in answers:
            wrong = [status for status in answer["statuses"] if status != 0]
            if wrong:
                raise Failed(f"{len(wrong)} stores failed, the first with {wrong[0]:04X}")
        return elapsed

    def echo_median_s(self, address: Address, count: int) -> float:
        """The median C-ECHO round trip on one association, in seconds."""
        order = {"echoes": count, "address": vars(address)}
        _order(self._children[0], json.dumps(order).encode() + b"\n")
        return float(_answer(self._children[0])["median_s"])

    def __enter__(self) -> WorkerSender:
        for child in self._children:
            child.start()
        for child in self._children:
            _answer(child)
        return self

    def __exit__(self, *error: object) -> None:
        for child in self._children:
            _kill(child)


def _kill(child: ChildProcess) -> None:
    child.kill()
    if child.popen.stdout is not None:
        child.popen.stdout.close()


def _order(child: ChildProcess, line: bytes) -> None:
    assert child.popen.stdin is not None
    child.popen.stdin.write(line)
    child.popen.stdin.flush()


def _answer(child: ChildProcess) -> dict[str, Any]:
    assert child.popen.stdout is not None
    line = child.popen.stdout.readline()
    if not line:
        child.popen.wait(10)
        raise Failed(_last_line(child.output()))
    answer: dict[str, Any] = json.loads(line)
    return answer


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "the sender ended without a word"


class DeliveringNode:
    """The delivering half of a node: its own store, worker and as many associations as it finds.

    Filling the store is not timed: all is due when the worker starts, as after an outage.
    """

    def __init__(self, folder: Path) -> None:
        self._child = ChildProcess(
            [sys.executable, "-m", "tests.benchmarks.delivering_node"],
            folder=folder,
            name=f"delivering-{id(self):x}",
            env={"PYTHONPATH": str(ROOT)},
            pipe_output=True,
            pipe_input=True,
        )

    def send(self, errands: Sequence[Errand], address: Address) -> float:
        (errand,) = errands
        order = {"errand": errand.as_json(), "address": vars(address)}
        _order(self._child, json.dumps(order).encode() + b"\n")
        _answer(self._child)
        started = time.perf_counter()
        _order(self._child, b"\n")
        held = _answer(self._child)["held"]
        elapsed = time.perf_counter() - started
        if held:
            raise Failed(f"{held} deliveries are held")
        return elapsed

    def __enter__(self) -> DeliveringNode:
        self._child.start()
        _answer(self._child)
        return self

    def __exit__(self, *error: object) -> None:
        _kill(self._child)


class StoreScu:
    """DCMTK's storescu, one process for each association.

    Its start-up is inside the measured time; it is some 10 ms, against seconds of sending.
    """

    def __init__(self) -> None:
        self._program = find_program("storescu")

    def send(self, errands: Sequence[Errand], address: Address) -> float:
        started = time.perf_counter()
        running = [self._start(errand, address) for errand in errands]
        codes = [self._end_of(process) for process in running]
        elapsed = time.perf_counter() - started
        if any(codes):
            raise Failed(f"storescu exited with {next(code for code in codes if code)}")
        return elapsed

    def _start(self, errand: Errand, address: Address) -> subprocess.Popen[bytes]:
        # -R: only the contexts that the files need. It halts at the first status that is not
        # success and exits with an error then.
        command = [self._program, "-q", "-R", "-aet", address.calling, "-aec", address.called]
        command += ["-pdu", "131072", address.host, str(address.port), *errand.files]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        return process.wait(TIMEOUT_S)

    def __enter__(self) -> StoreScu:
        return self

    def __exit__(self, *error: object) -> None:
        pass

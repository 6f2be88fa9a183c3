"""The judge: watches a node from outside while it is attacked, and then asks what it promised.

    with Oracle(node) as oracle:
        ... attack, telling `oracle.told` of every C-STORE and its answer ...

Leaving the block without an error passes the judgement; each AssertionError names the promise.
Clients write down what they were answered; what the node holds is read from its files and from
`echonode ledger`, and the two are compared.

Memory is compared with what the node held at the block's beginning. What many threads at once take
for the first time the C library keeps for the next (arenas, stacks), and so does the pool of
database connections; where an attack has that many, it is made once before the block, and what is
judged is that the second time takes no more.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.faults.callers.instances import Instance
from tests.faults.judging.usage import Usage, usage_of
from tests.peers.node_process import ROOT, EchoNodeProcess
from tests.peers.process import ChildProcess
from tests.support.waiting import wait_until

PROBER = "PROBER"
SETTLE_S = 30.0
SUCCESS = 0x0000
MORE_THREADS, MORE_DESCRIPTORS = 2, 5
# A tenth of the start, and what the C library may keep beside that of what is free.
MORE_MEMORY, KEPT_BYTES = 0.10, 4 * 1024**2


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a client sent and was answered; status: None when no answer came."""

    sop_instance_uid: str
    sha256: str
    status: int | None


class Told:
    """What every client sent and what it was answered. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.answers: list[Answer] = []

    def note(self, instance: Instance, status: int | None) -> None:
        """status: of the answer; None when no answer came."""
        answer = Answer(
            sop_instance_uid=instance.sop_instance_uid, sha256=instance.sha256, status=status
        )
        with self._lock:
            self.answers.append(answer)

    def statuses(self) -> list[int | None]:
        return [answer.status for answer in self.answers]


class Oracle:
    """Judges one attack on a node.

    held: the prober keeps one association (see prober.py). kept_bytes: what the C library may keep
    of freed memory, more where an attack makes single blocks of tens of megabytes. settle_s: how
    long the node may take to be as it was.
    """

    def __init__(
        self,
        node: EchoNodeProcess,
        *,
        held: bool = False,
        kept_bytes: int = KEPT_BYTES,
        settle_s: float = SETTLE_S,
    ) -> None:
        self.node = node
        self.told = Told()
        self._kept_bytes, self._settle_s = kept_bytes, settle_s
        self._mode = "held" if held else "fresh"
        self._folder = tempfile.TemporaryDirectory(prefix="oracle-")
        self._prober: ChildProcess | None = None

    def __enter__(self) -> Self:
        self._log_mark = self.node.mark()
        self.before = _settled(self.node.pid)
        arguments = [str(self.node.port), PROBER, self.node.ae_title, self._mode]
        self._prober = ChildProcess(
            [sys.executable, "-m", "tests.faults.judging.prober", *arguments],
            folder=Path(self._folder.name),
            name="prober",
            env={"PYTHONPATH": str(ROOT)},
        ).start()
        wait_until(lambda: len(self.echoes()) > 1, "the prober's first echo")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.judge()
        finally:
            if self._prober is not None:
                self._prober.kill()
            self._folder.cleanup()

    def judge(self) -> None:
        """Every promise, one after the other. Raises AssertionError."""
        assert self.node.running, f"the node ended: {self.node.stderr()}"
        assert self._prober is not None
        assert self._prober.running, f"the prober ended: {self._prober.output()}"
        self._prober.kill()
        self.echoed_within_a_second()
        self.holds_no_more_than_before()
        self.holds_what_it_acknowledged()
        self.said_no_error()

    # --- the promises ---

    def echoes(self) -> list[dict[str, Any]]:
        """What the prober wrote so far."""
        assert self._prober is not None
        *whole, _ = self._prober.log_file.read_text().split("\n")
        return [json.loads(line) for line in whole]

    def echoed_within_a_second(self) -> None:
        """No C-ECHO failed, and none took longer than a second of this machine's time."""
        echoes = self.echoes()
        failed = [echo["error"] for echo in echoes if echo["error"]]
        assert not failed, f"{len(failed)} of {len(echoes)} C-ECHO failed: {failed[:3]}"
        late = [echo for echo in echoes if echo["seconds"] > echo["slowdown"]]
        assert not late, f"{len(late)} of {len(echoes)} C-ECHO took too long: {late[:3]}"
        slowest = max(echo["seconds"] for echo in echoes)
        print(f"{len(echoes)} C-ECHO, the slowest in {slowest * 1000:.0f} ms")

    def holds_no_more_than_before(self) -> None:
        """Threads, descriptors and memory come back to where they were before the attack."""
        most = Usage(
            threads=self.before.threads + MORE_THREADS,
            descriptors=self.before.descriptors + MORE_DESCRIPTORS,
            memory=int(self.before.memory * (1 + MORE_MEMORY)) + self._kept_bytes,
        )

        def back() -> bool:
            now = usage_of(self.node.pid)
            return (
                now.threads <= most.threads
                and now.descriptors <= most.descriptors
                and now.memory <= most.memory
            )

        began = time.monotonic()
        self._wait_until(back, lambda: f"back: {self.before} became {usage_of(self.node.pid)}")
        print(
            f"{self.before} became {usage_of(self.node.pid)} in {time.monotonic() - began:.1f} s; "
        )

    def holds_what_it_acknowledged(self) -> None:
        """Every acknowledged instance is whole on disk and in the ledger; nothing is in half."""
        self._wait_until(
            lambda: not self.temporary_files(), lambda: f"gone: {self.temporary_files()}"
        )
        on_disk = dict(map(_uid_and_sha256, self.node.stored_files()))
        ledger = {row["sop_instance_uid"] for row in self.node.ledger()}
        assert ledger == set(on_disk), "the ledger and the files are of different instances"
        kept = {
            (answer.sop_instance_uid, answer.sha256)
            for answer in self.told.answers
            if answer.status in (SUCCESS, None)
        }
        for answer in self.told.answers:
            uid, status = answer.sop_instance_uid, answer.status
            if status == SUCCESS:
                assert uid in on_disk, f"{uid} was acknowledged and is not there"
            if status in (SUCCESS, None) and uid in on_disk:
                assert on_disk[uid] == answer.sha256, f"{uid} is not the bytes that were sent"
            elif uid in on_disk:
                assert (uid, on_disk[uid]) in kept, f"{uid} was refused ({status:04X}) and is there"

    def _wait_until(self, condition: Callable[[], bool], what: Callable[[], str]) -> None:
        wait_until(condition, what, timeout_s=self._settle_s)

    def temporary_files(self) -> list[Path]:
        """Files of messages that are under way."""
        return list((self.node.data_dir / "incoming").iterdir())

    def said_no_error(self) -> None:
        """No defect showed: no error in the log, no line that is not JSON, no traceback."""
        # An alarm is about the machine (its disk fills up), not a defect.
        events = [e for e in self.node.events[self._log_mark :] if e["event"] != "alarm_raised"]
        errors = [
            event for event in events if event.get("level") == "error" or "exception" in event
        ]
        counts = Counter(_brief(event) for event in errors)
        assert not errors, f"{len(errors)} errors in the log: {counts.most_common(5)}"
        assert not self.node.log.other_lines, self.node.log.other_lines[:3]
        assert "Traceback" not in self.node.stderr(), self.node.stderr()


def _brief(event: Mapping[str, Any]) -> str:
    """An error event without its time and the outer part of its traceback."""
    what = {key: event.get(key, "") for key in ("event", "service", "error", "where", "exception")}
    return " ".join(str(value)[-300:] for value in what.values())


def _settled(pid: int) -> Usage:
    """What a process holds once what came before has ended: the same threads for half a second."""
    usage = usage_of(pid)
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        time.sleep(0.5)
        earlier, usage = usage, usage_of(pid)
        if (earlier.threads, earlier.descriptors) == (usage.threads, usage.descriptors):
            return usage
    raise AssertionError(f"the node does not come to rest: {usage}")


def _uid_and_sha256(file: Path) -> tuple[str, str]:
    """Of a Part 10 file: (0002,0003) and the hash of the bytes behind its meta information."""
    raw = file.read_bytes()
    # (0002,0000) is the first element behind the preamble: its value is the rest's length.
    end = 144 + int.from_bytes(raw[140:144], "little")
    at = raw.index(b"\x02\x00\x03\x00UI", 144, end)
    length = int.from_bytes(raw[at + 6 : at + 8], "little")
    uid = raw[at + 8 : at + 8 + length].rstrip(b"\0").decode("ascii")
    return uid, hashlib.sha256(raw[end:]).hexdigest()

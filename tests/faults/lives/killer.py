"""Has processes (killed_processes.py) run steps, and kills each where the test wants it.

with Killer() as killer:
    killed = killer.send("take_in_two", data_dir, book, call="fsync", at=3)
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from tests.faults.lives.killed_processes import IN_VAIN
from tests.peers import reaper
from tests.peers.fixtures import require_program
from tests.peers.node_process import ROOT

KILLED = -9
OTHERS = 300  # more calls of each other kind than any thread of a step makes
# All by which something becomes, or ceases to be, on a disk.
PERSISTENT = (
    *("write", "pwrite64", "fsync", "fdatasync", "ftruncate"),
    *("rename", "link", "unlink", "mkdir"),
)


class Killer:
    """One process that forks the killed ones, one after the other.

    writes: more pwrite64, which are SQLite's, than any thread of a step makes; 0: no call kills.
    rehearsed: a step of one thread whose SQL is compiled before the first process is forked.
    """

    def __init__(self, *, writes: int = 800, rehearsed: str = "take_in_two") -> None:
        self._fatal = dict.fromkeys(IN_VAIN, OTHERS) | {"pwrite64": writes}
        self._traced = writes > 0
        self._rehearsed = rehearsed

    def __enter__(self) -> Self:
        module = "tests.faults.lives.killed_processes"
        command = [sys.executable, "-B", "-m", module, self._rehearsed]
        if self._traced:
            program = require_program("strace")
            # Without --seccomp-bpf, under which strace (6.1) sends no signal.
            options = ["-f", "-qq", "-o", "/dev/null", "-e", f"trace={','.join(self._fatal)}"]
            for call, fatal in self._fatal.items():
                options += ["-e", f"inject={call}:signal=SIGKILL:when={fatal}"]
            command = [program, *options, *command]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        reaper.note_started(self._process.pid)
        assert "ready" in self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(30)
        self._pipe(self._process.stdout).close()
        reaper.note_stopped(self._process.pid)

    def send(self, step: str, *words: str | Path, **death: str | float) -> bool:
        """Whether it was killed on its way: death is call, at and thread, or after_s.

        Raises AssertionError where it failed by itself.
        """
        order = {"step": step, "words": [str(word) for word in words], **death}
        if "call" in death:
            order["in_vain"] = self._fatal[str(death["call"])] - int(death["at"])
        pipe = self._pipe(self._process.stdin)
        pipe.write(json.dumps(order) + "\n")
        pipe.flush()
        code = self._read()["code"]
        assert code in (0, KILLED), f"{step} ended with {code}"
        return bool(code == KILLED)

    def deaths(
        self,
        send: Callable[[str, int], bool],
        *,
        writes: int = 1,
        others: int = 1,
        words: bool = False,
    ) -> int:
        """Have one after the other killed at its first, second ... call of each kind.

        send(call, at) sends one and says whether it was killed; with the first that was not, all
        calls of that kind are tried. writes, others: one is tried of so many pwrite64, or of the
        other kinds. words: also at each that goes out to a peer. Returns how many were killed.
        """
        killed = 0
        for call in (*PERSISTENT, "sendto") if words else PERSISTENT:
            for at in range(1, self._fatal[call], writes if call == "pwrite64" else others):
                if not send(call, at):
                    break
                killed += 1
            else:
                raise AssertionError(f"{call} is called more often than {self._fatal[call]} times")
        return killed

    def _read(self) -> dict[str, Any]:
        line = self._pipe(self._process.stdout).readline()
        # Its own calls count as well (killed_processes.py): a step that makes more of a kind than
        # `writes` or OTHERS ends it while it is rehearsed.
        assert line, f"the process that forks has ended: {self._process.wait(10)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe

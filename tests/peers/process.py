"""Child processes that start surely, stop surely and leave nothing running.

Rules
- Each child is the leader of a process group of its own; stopping it stops the whole group, so
  that a server's forked workers go with it.
- `start` returns only when the port is being listened on, or raises NotReady with what it printed.
- Output goes to a file in the part's folder: a pipe that is not read would one day block the child.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.peers import reaper
from tests.peers.ports import LOOPBACK
from tests.starts import forked_starts

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 15.0

# Of linux/netlink.h, linux/sock_diag.h and net/tcp_states.h.
_SOCK_DIAG, _BY_FAMILY, _REQUEST_OF_ALL, _LISTEN = 4, 20, 0x301, 10


class NotReady(Exception):
    """A real program did not come up in time; carries the end of what it printed."""


def is_listening(port: int, *, timeout_s: float = 0.5) -> bool:
    """Whether a TCP connection to the loopback port is accepted."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def has_listener(port: int) -> bool:
    """Whether a program listens on the port, without calling there: the kernel is asked.

    By sock_diag(7), which looks at what listens alone; /proc/net/tcp goes through a table of all
    connections that there could be, ten milliseconds each time.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.send(
                struct.pack("=IHHII", 72, _BY_FAMILY, _REQUEST_OF_ALL, 0, 0)
                + struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 1 << _LISTEN)
                + struct.pack(">HH44x", port, 0)
            )
            _, kind = struct.unpack_from("=IH", kernel.recv(65536))
            if kind == _BY_FAMILY:
                return True
    return False


class ChildProcess:
    """A program in its own process group, its output in `folder/NAME.log`."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        name: str,
        env: Mapping[str, str] | None = None,
        pipe_output: bool = False,
        pipe_input: bool = False,
        forked: Sequence[str | Path] = (),
    ) -> None:
        """pipe_output: stdout is read by the caller; only stderr goes to the log file.

        forked: `echonode`'s arguments, where the command is that and may be forked.
        """
        self.command = [str(part) for part in command]
        self.folder, self.name = folder, name
        self.log_file = folder / f"{name}.log"
        self._env = {**os.environ, **env} if env is not None else None
        self._pipe_output, self._pipe_input = pipe_output, pipe_input
        self._forked = [str(part) for part in forked]
        self._process: subprocess.Popen[bytes] | forked_starts.ForkedProcess | None = None
        self._gone = False

    @property
    def popen(self) -> subprocess.Popen[bytes] | forked_starts.ForkedProcess:
        """The running (or ended) process. Raises NotReady before the start."""
        if self._process is None:
            raise NotReady(f"{self.name} was not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def output(self, *, last: int = 4000) -> str:
        """The end of what the program printed, in characters."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text(errors="replace")[-last:]

    def start(
        self,
        *,
        ports: Sequence[int] = (),
        deadline_s: float = START_DEADLINE_S,
        answers: Callable[[int], bool] = is_listening,
    ) -> ChildProcess:
        """Start the program and wait until it listens on each of `ports`. Raises NotReady.

        answers: how a port is looked at; `has_listener` where a connection would be counted.
        """
        with self.log_file.open("ab") as log:
            self._process = self._forked_process(log) if self._forked else self._popen(log)
        reaper.note_started(self._process.pid)
        try:
            self._wait_for_ports(ports, answers, time.monotonic() + deadline_s)
        except BaseException:
            self.kill()
            raise
        return self

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.PIPE if self._pipe_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE if self._pipe_output else log,
            stderr=log,
            start_new_session=True,
        )

    def _forked_process(self, log: IO[bytes]) -> forked_starts.ForkedProcess:
        return forked_starts.start(
            self._forked,
            folder=self.folder,
            environment=os.environ if self._env is None else self._env,
            log=log,
            stdout=None if self._pipe_output else log,
        )

    def _wait_for_ports(
        self, ports: Sequence[int], answers: Callable[[int], bool], deadline: float
    ) -> None:
        for port in ports:
            while not answers(port):
                if not self.running:
                    raise NotReady(f"{self.name} ended at once:\n{self.output()}")
                if time.monotonic() > deadline:
                    raise NotReady(f"{self.name} does not answer on {port}:\n{self.output()}")
                time.sleep(0.02)

    def stop(self, *, deadline_s: float = STOP_DEADLINE_S) -> int:
        """SIGTERM, then after the deadline SIGKILL; the exit code. Stopping twice is harmless."""
        if self.running:
            self.popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(deadline_s)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL to the whole group, as a power cut would; the exit code.

        A piped stdout is left to its reader, who sees it end.
        """
        process = self.popen
        if not self._gone:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            reaper.note_stopped(process.pid)
            self._gone = True  # from here on the number may be another group's
        if process.stdin is not None:
            process.stdin.close()
        return process.wait()

"""A node that is started and killed many times: each life is forked off one (preforked_node.py)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import yaml

from tests.peers import reaper
from tests.peers.node_process import READY_DEADLINE_S, EchoNodeProcess
from tests.peers.process import ChildProcess


class ForkedNode(EchoNodeProcess):
    """As an EchoNodeProcess; `start`, `stop` and `kill` are of a life, and cost little.

    wrapper: a command that Python is run by.
    """

    def __init__(self, *, wrapper: Sequence[str] = (), **arguments: Any) -> None:
        super().__init__(**arguments)
        self._wrapper = wrapper
        self._life: int | None = None
        self._mark = 0

    @property
    def running(self) -> bool:
        """Whether a life is under way, or just ended by itself and was not looked after."""
        return self._life is not None

    @property
    def pid(self) -> int:
        assert self._life is not None, "no life is under way"
        return self._life

    def begin(self) -> int:
        """Begin a life, and return at once; what it logs comes after the mark returned."""
        if self._child is None:
            self._start_preforked()
        self._mark = self.mark()
        self._say_begin()
        self._life = int(self._wait("life_began")["pid"])
        reaper.note_started(self._life)
        return self._mark

    def start(self, *, deadline_s: float = READY_DEADLINE_S) -> Self:
        """Begin a life and wait for `node_ready`. Raises TimeoutError."""
        self.begin()
        self._wait("node_ready", deadline_s)
        return self

    def kill(self) -> int:
        """SIGKILL; the exit code, another than -9 where the life had ended by itself."""
        return self._end(signal.SIGKILL, READY_DEADLINE_S)

    def stop(self, *, deadline_s: float = 40.0) -> int:
        """SIGTERM and wait while it drains; the exit code. Raises TimeoutError."""
        return self._end(signal.SIGTERM, deadline_s)

    def life_events(self) -> list[dict[str, Any]]:
        """What the last life logged."""
        return self.events[self._mark :]

    def forget_events(self) -> None:
        """Between two lives: let go of what was logged so far."""
        assert self._life is None, "a life is under way"
        self.log.events.clear()
        self._mark = 0

    def put_away(self) -> None:
        self.kill()
        if self._child is not None:
            self._child.kill()
            self.log.finish()
        super().put_away()

    def _end(self, number: signal.Signals, deadline_s: float) -> int:
        if self._life is None:
            return 0
        life = self._life
        with suppress(ProcessLookupError):
            os.killpg(life, number)
        code = int(self._wait("life_ended", deadline_s)["code"])
        reaper.note_stopped(life)
        self._life = None
        return code

    def _wait(self, event: str, deadline_s: float = READY_DEADLINE_S) -> Any:
        return self.log.wait_for(
            event, since=self._mark, timeout_s=deadline_s, alive=lambda: self.child.running
        )

    def _say_begin(self) -> None:
        stdin = self.child.popen.stdin
        assert stdin is not None
        stdin.write(b"\n")
        stdin.flush()

    def _start_preforked(self) -> None:
        self.config_file.write_text(yaml.safe_dump(self.settings(), sort_keys=False))
        self._child = ChildProcess(
            [
                *self._wrapper,
                sys.executable,
                "-m",
                "tests.faults.nodes.preforked_node",
                self.config_file,
            ],
            folder=self.folder,
            name="echonode",
            env=self._env,
            pipe_output=True,
            pipe_input=True,
        )
        self._child.start()
        self.log.follow(self._child.popen.stdout, "echonode")
        self._wait("preforked_ready")

"""What all real parts have in common: a folder, a process, and an end that is sure."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from tests.peers.process import ChildProcess, NotReady


class Part(ABC):
    """A real program as a context manager. Entering it starts it, leaving it puts it away.

    Without a folder given it makes a temporary one at its first use, which goes with it. A start
    that fails is put away too.
    """

    def __init__(self, *, prefix: str, folder: Path | None) -> None:
        self._prefix, self._given_folder = prefix, folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._child: ChildProcess | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start it and wait until it answers. Raises PeerMissing, NotReady."""

    @property
    def folder(self) -> Path:
        """Where its configuration, data and log are."""
        if self._given_folder is not None:
            return self._given_folder
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix=f"{self._prefix}-")
        return Path(self._temporary.name)

    @property
    def child(self) -> ChildProcess:
        """Its process, running or ended. Raises NotReady before the start."""
        if self._child is None:
            raise NotReady(f"{self._prefix} was not started")
        return self._child

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def output(self) -> str:
        """The end of what it printed."""
        return self.child.output()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self.child.stop()

    def kill(self) -> int:
        """SIGKILL, as a power cut would; the exit code."""
        return self.child.kill()

    def restart(self) -> Self:
        """Stop it when it runs, and start it again on the same folder and ports."""
        if self.running:
            self.stop()
        return self.start()

    def put_away(self) -> None:
        """End it and remove a folder of its own making; harmless at any time.

        An orderly end takes some programs seconds, so it is for folders that stay.
        """
        if self._child is not None:
            _ = self.stop() if self._temporary is None else self.kill()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.put_away()
            raise

    def __exit__(self, *_: object) -> None:
        self.put_away()

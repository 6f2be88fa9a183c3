"""Reads a program's JSON lines as they come."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

LogEvent = Mapping[str, Any]


class LogReader:
    """Reads a process's JSON lines in a thread; `wait_for` finds an event, past or to come."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def follow(self, stream: Any, name: str) -> None:
        """Read until the stream ends. Lines of an earlier process are kept."""
        self._thread = threading.Thread(
            target=self._read, args=(stream,), name=f"log-{name}", daemon=True
        )
        self._thread.start()

    def finish(self) -> None:
        """Wait until all that the ended process printed is here."""
        if self._thread is not None:
            self._thread.join(10)

    def mark(self) -> int:
        """How many events there are: give it to `wait_for` to look at later ones only."""
        with self._changed:
            return len(self.events)

    def wait_for(
        self,
        event: str,
        predicate: Callable[[LogEvent], bool] = lambda entry: True,
        *,
        since: int = 0,
        timeout_s: float = 30.0,
        alive: Callable[[], bool] = lambda: True,
    ) -> LogEvent:
        """The first event of this name, from number `since` on, that the predicate takes.

        Raises TimeoutError when it does not come, or when the process is no longer `alive`.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            position = since
            while True:
                living = alive()
                for entry in self.events[position:]:
                    if entry.get("event") == event and predicate(entry):
                        return entry
                position = len(self.events)
                left = deadline - time.monotonic()
                if left <= 0 or not living:
                    raise TimeoutError(f"no {event} in the log; last: {self.events[-5:]}")
                self._changed.wait(min(left, 0.2))

    def _read(self, stream: Any) -> None:
        with stream:
            self._read_lines(stream)

    def _read_lines(self, stream: Any) -> None:
        for line in iter(stream.readline, b""):
            text = line.decode(errors="replace").rstrip("\n")
            try:
                entry = json.loads(text)
            except ValueError:
                entry = None
            with self._changed:
                if isinstance(entry, dict):
                    self.events.append(entry)
                else:
                    self.other_lines.append(text)
                self._changed.notify_all()

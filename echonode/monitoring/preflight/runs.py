"""A preflight in the background, whose steps a page shows as they come: one at a time.

The last one stays readable until the next begins; in memory only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from echonode.errors import UsageError, described
from echonode.log import get_logger, place_of
from echonode.monitoring.preflight.outcome import PeerOutcome, as_json

log = get_logger(__name__)


class Runs(Protocol):
    """preflight.Preflight, as far as it is needed here."""

    def planned(self, peer: str | None = None) -> Sequence[PeerOutcome]:
        """Raises UsageError for an unknown peer."""

    def run(
        self, peer: str | None = None, *, told: Callable[[PeerOutcome], None] = ...
    ) -> Sequence[PeerOutcome]:
        """Raises UsageError for an unknown peer."""


class PreflightRuns:
    """Starts preflights and says how far the last one is. Thread-safe."""

    def __init__(self, preflight: Runs, *, now: Callable[[], datetime]) -> None:
        self._preflight = preflight
        self._now = now
        self._lock = threading.Lock()
        self._number = 0
        self._running = False
        self._began_at: datetime | None = None
        self._ended_at: datetime | None = None
        self._problem = ""
        self._outcomes: dict[str, PeerOutcome] = {}

    def start(self, peer: str | None = None) -> Mapping[str, object]:
        """Begin one, unless one runs: then that one goes on. Returns as `state`.

        Raises UsageError for an unknown peer.
        """
        planned = self._preflight.planned(peer)
        with self._lock:
            if not self._running:
                self._number += 1
                self._running = True
                self._began_at, self._ended_at = self._now(), None
                self._problem = ""
                self._outcomes = {each.peer: each for each in planned}
                threading.Thread(
                    target=self._run, args=(peer,), name="preflight", daemon=True
                ).start()
        return self.state()

    def state(self) -> Mapping[str, object]:
        """The one that runs, or the last; `number` is 0 where there was none since the start.

        {number, running, began_at, ended_at, problem, ok, peers}; a step whose `ok` is null and
        whose `detail` is '' has not been tried yet. `ok` is null while it runs.
        """
        with self._lock:
            told = as_json(list(self._outcomes.values()))
            done = self._number > 0 and not self._running
            return {
                "number": self._number,
                "running": self._running,
                "began_at": self._began_at.isoformat() if self._began_at else None,
                "ended_at": self._ended_at.isoformat() if self._ended_at else None,
                "problem": self._problem,
                "ok": bool(told["ok"]) and not self._problem if done else None,
                "peers": told["peers"],
            }

    def _run(self, peer: str | None) -> None:
        problem = ""
        try:
            for outcome in self._preflight.run(peer, told=self._told):
                self._told(outcome)  # as it is in the end: without steps that were not needed
        except UsageError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  # the thread's top
            log.error("preflight_failed", error=described(error), where=place_of(error))
            problem = f"this node failed at it: {described(error)}; the log says where"
        with self._lock:
            self._running, self._ended_at, self._problem = False, self._now(), problem

    def _told(self, outcome: PeerOutcome) -> None:
        with self._lock:
            self._outcomes[outcome.peer] = outcome

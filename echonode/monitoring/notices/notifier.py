"""Sends notices on a thread of its own, each way by itself, until they are there.

Rules
- `look` never waits: it keeps what is due for each way, merged into one notice where the way is
  closed, so that a mail server that is back after a week gets one mail.
- A way that fails is tried again after PAUSES_S. Nothing is kept over a restart, which sends what
  stands then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from echonode.log import get_logger
from echonode.monitoring.notices.notice import Notice, Sent, next_notice
from echonode.monitoring.notices.webhook import NotSent
from echonode.system_faults import said_of
from echonode.threads import RecurringThread
from echonode.web.health import Alarm

log = get_logger(__name__)
PAUSES_S = (5.0, 30.0, 120.0, 600.0, 1800.0)
_IDLE_S = 3600.0


class Way(Protocol):
    """How a notice goes out."""

    @property
    def name(self) -> str: ...

    def send(self, notice: Notice) -> None:
        """Raises NotSent, OSError."""


@dataclass
class _Line:
    """One way and what waits for it."""

    way: Way
    waiting: Notice | None = None
    failures: int = 0
    due_at: float = 0.0


class Notifier:
    """`look` from any thread. monotonic: seconds."""

    def __init__(
        self,
        ways: Sequence[Way],
        *,
        repeat: timedelta,
        quiet: timedelta,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._lines = [_Line(way=way) for way in ways]
        self._repeat, self._quiet = repeat, quiet
        self._now, self._monotonic = now, monotonic
        self._sent = Sent()
        self._lock = threading.Lock()
        self._thread = RecurringThread(
            "notices",
            self._step,
            on_stalled=lambda error: log.error("notices_stalled", reason=type(error).__name__),
            stalled_s=PAUSES_S[-1],
        )

    def look(self, alarms: Sequence[Alarm]) -> None:
        """The alarms that stand now. Never waits."""
        with self._lock:
            notice, self._sent = next_notice(
                alarms, self._sent, now=self._now(), repeat=self._repeat, quiet=self._quiet
            )
            if not notice:
                return
            for line in self._lines:
                line.waiting = line.waiting.merged(notice) if line.waiting else notice
        self._thread.wake()

    def start(self) -> None:
        """Begin to send."""
        if self._lines:
            self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End after the notice under way."""
        self._thread.ask_stop()
        return self._thread.join(deadline_s)

    def _step(self) -> float:
        for line in self._lines:
            if self._thread.is_stopping:
                break
            if line.waiting is not None and self._monotonic() >= line.due_at:
                self._try(line)
        waits = [line.due_at - self._monotonic() for line in self._lines if line.waiting]
        return max(0.0, min(waits, default=_IDLE_S))

    def _try(self, line: _Line) -> None:
        with self._lock:
            notice = line.waiting
        assert notice is not None
        try:
            line.way.send(notice)
        except (NotSent, OSError) as error:
            reason = str(error) if isinstance(error, NotSent) else said_of(error)
            if not line.failures:
                log.warning("notice_not_sent", way=line.way.name, reason=reason)
            line.due_at = self._monotonic() + PAUSES_S[min(line.failures, len(PAUSES_S) - 1)]
            line.failures += 1
            return
        log.info("notice_sent", way=line.way.name)
        line.failures, line.due_at = 0, 0.0
        with self._lock:
            # What came while it was sent waits in a notice that holds this one as well.
            line.waiting = _since(notice, line.waiting)


def _since(sent: Notice, waiting: Notice | None) -> Notice | None:
    """What of a merged notice was not in the one that was sent; None where nothing."""
    if waiting is None or waiting == sent:
        return None
    said = {alarm.name for alarm in (*sent.raised, *sent.standing)}
    left = Notice(
        at=waiting.at,
        raised=tuple(alarm for alarm in waiting.raised if alarm.name not in said),
        standing=tuple(alarm for alarm in waiting.standing if alarm.name not in said),
        cleared=tuple(name for name in waiting.cleared if name not in sent.cleared),
    )
    return left or None

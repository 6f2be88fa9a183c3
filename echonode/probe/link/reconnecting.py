"""The link to a probe: open a connection, read it, and open it again for as long as it takes.

Rules
- One thread, and it does nothing but open and read. It imports no consumer: bytes and changes go to
  callbacks, which must be quick, since the probe is not read while they run.
- A lost probe is tried again after a pause that doubles, up to a bound, with jitter, so that two
  nodes do not knock in step. The pause starts small again once a connection has stayed up.
- Wall time is read once, when the connection opens; all later time is monotonic since then.
- `on_lost` comes exactly once for each `on_connected`, also when the link is stopped.
- stop() wakes a read and a pause at once; only a connect under way may take its own time-out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import random as random_number

from echonode.errors import ProbeUnreachable
from echonode.log import get_logger
from echonode.model.backoff import Doubling, Random
from echonode.probe.link.connection import (
    Callbacks,
    ConnectionSettings,
    Endpoint,
    LossReason,
    OpenConnection,
    ProbeConnection,
)

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """How the connection is kept: the pauses between two connections in seconds, and how each is
    read.

    jitter: the largest share that is added to a pause. settled_s: a connection that
    lived so long was a good one. longest_pause_s: who switches a probe on waits for it, and one
    attempt every few seconds costs a network nothing.
    """

    first_pause_s: float = 0.5
    longest_pause_s: float = 3.0
    jitter: float = 0.3
    settled_s: float = 5.0
    connection: ConnectionSettings = field(default_factory=ConnectionSettings)

    def __post_init__(self) -> None:
        if not 0 < self.first_pause_s <= self.longest_pause_s:
            raise ValueError("first_pause_s must be above 0 and at most longest_pause_s")
        if not 0 <= self.jitter < 1:
            raise ValueError("jitter must be in 0..1")


DEFAULT_LINK = LinkSettings()


def pause_before(attempt: int, settings: LinkSettings, random: Random) -> float:
    """Seconds to wait before connect attempt `attempt` (0 is the first after a loss)."""
    backoff = Doubling(
        first_s=settings.first_pause_s, cap_s=settings.longest_pause_s, jitter=settings.jitter
    )
    return backoff.delay_s(attempt, random)


class Link:
    """A probe's endpoint, kept open by one thread."""

    def __init__(
        self,
        *,
        name: str,
        endpoint: Endpoint,
        callbacks: Callbacks,
        settings: LinkSettings = DEFAULT_LINK,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        random: Random = random_number,
    ) -> None:
        self._name, self._endpoint = name, endpoint
        self._callbacks, self._settings = callbacks, settings
        self._now, self._monotonic, self._random = now, monotonic, random
        self._stopping = threading.Event()
        self._connection: ProbeConnection | None = None
        self._line_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"probe-{name}-link", daemon=True)

    def start(self) -> None:
        """Begin to open connections; returns at once. OSError where an address is not ours."""
        self._endpoint.prepare()
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End the connection and the thread; whether the thread ended in time."""
        self._stopping.set()
        self._endpoint.close()
        if self._thread.ident is None:
            return True  # never started
        with self._line_lock:
            if self._connection is not None:
                self._connection.hang_up(self._callbacks.farewell())
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            try:
                settled = self._one_connection()
            except Exception:  # the thread's top: a fault of ours must not end the probe's day
                log.exception("probe_link_fault", probe=self._name)
                settled = False
            attempt = 0 if settled else attempt + 1
            pause = pause_before(max(0, attempt - 1), self._settings, self._random)
            self._stopping.wait(pause)

    def _one_connection(self) -> bool:
        """Open a connection and read to its end; whether it had stayed up."""
        connection = self._open()
        if connection is None:
            return False
        opened = OpenConnection(
            opened_at=self._now(), opened_monotonic=self._monotonic(), send=connection.send
        )
        reason, detail = LossReason.BROKEN, "fault"
        try:
            self._callbacks.on_connected(opened)
            reason, detail = connection.read(self._callbacks)
        except OSError as error:  # the connection broke under our greeting
            reason, detail = LossReason.BROKEN, str(error)
        finally:
            with self._line_lock:
                self._connection = None
            connection.close()
            if self._stopping.is_set() and reason is not LossReason.PROTOCOL:
                reason, detail = LossReason.STOPPED, ""
            self._callbacks.on_lost(reason, detail)
        return self._monotonic() - opened.opened_monotonic >= self._settings.settled_s

    def _open(self) -> ProbeConnection | None:
        """An open connection, or None: the probe is not there, or we are stopping."""
        try:
            connection = self._endpoint.next_connection()
        except ProbeUnreachable as error:
            self._callbacks.on_unreachable(str(error))
            return None
        with self._line_lock:
            if connection is None or not self._stopping.is_set():
                self._connection = connection
                return connection
        connection.close()
        return None

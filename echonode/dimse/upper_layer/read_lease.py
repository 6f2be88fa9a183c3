"""Which thread reads an association: its own, or for one answer the caller that waits for it.

Why: if one thread reads an answer and another waits for it, that costs two switches of threads,
more than all the rest of a C-STORE. A caller that sends one request after the other reads its
answers itself.

Rules
- The own thread reads. When it has delivered every awaited answer, it offers the read lease. While
  the lease is offered it only waits for its wake-up and for the peer to close.
- A caller acquires the lease for one answer at a time. As soon as there is something for the own
  thread (a request, the end of the association, another waiting caller), the caller wakes it, and
  it reclaims the lease.
- A caller that cannot acquire the lease, or whose lease is revoked, waits for its answer as before.
- A lease that was not used for LEASE_S ends, so a report between two requests of ours is delayed by
  at most LEASE_S.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable

from echonode.dimse.upper_layer.threads import EventFd

LEASE_S = 0.02

# Not readable bytes, which the caller reads, but their end (Linux; elsewhere only a reset).
_PEER_CLOSED = getattr(select, "POLLRDHUP", 0)


class ReadLease:
    """The right to read one association: its own thread offers it, callers acquire it."""

    def __init__(self, wake_up: EventFd) -> None:
        self._wake_up = wake_up
        self._held = threading.Lock()
        self._offered_until: float | None = None
        self._poller: select.poll | None = None

    @property
    def is_offered(self) -> bool:
        """Whether callers may read; a caller that reads checks it before each read."""
        return self._offered_until is not None

    @property
    def is_acquired(self) -> bool:
        """Whether a caller has it."""
        return self._held.locked()

    # callers -------------------------------------------------------------------------------

    def acquire(self) -> bool:
        """Take it; False where it is not offered or another caller has it."""
        if self._offered_until is None or not self._held.acquire(blocking=False):
            return False
        if not self.is_offered:  # reclaimed meanwhile
            self._held.release()
            return False
        return True

    def revoke(self) -> None:
        """End the lease, because the own thread is needed; any thread may call it."""
        self._offered_until = None

    def release(self, *, wanted: Callable[[], bool]) -> None:
        """After `acquire`. wanted: whether the own thread should reclaim the lease at once."""
        if self.is_offered:
            self._offered_until = time.monotonic() + LEASE_S
        self._held.release()
        # Called after the release: a caller that came before it is seen by `wanted`, and a caller
        # that comes after it can acquire the lease.
        if wanted():
            self._wake_up.set()

    # the own thread ------------------------------------------------------------------------

    def offer(self) -> None:
        """Let callers read from now on, for LEASE_S."""
        self._offered_until = time.monotonic() + LEASE_S

    def wait_until_reclaimed(self, descriptor: int) -> None:
        """Wait until the lease is over or this thread is woken; then read again.

        descriptor: the connection's.
        """
        if self._poller is None:
            self._poller = select.poll()
            self._poller.register(self._wake_up.fileno(), select.POLLIN)
            self._poller.register(descriptor, _PEER_CLOSED)
        while not self._poller.poll(LEASE_S * 1000) and not self._is_over():
            pass
        self._reclaim()

    def _is_over(self) -> bool:
        until = self._offered_until
        return until is None or not (self.is_acquired or time.monotonic() < until)

    def _reclaim(self) -> None:
        self._offered_until = None
        if not self._held.acquire(blocking=False):
            self._wake_up.set()  # the caller polls the connection and this
            self._held.acquire()
        self._offered_until = None  # the caller may have renewed it on release
        self._held.release()

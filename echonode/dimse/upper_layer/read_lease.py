"""Who reads an association: its own thread, or for one answer the caller that waits for it.

Why: an answer that one thread reads and another waits for costs two switches of threads, more than
all the rest of a C-STORE. A caller with one request after the other reads its answers itself.

Rules
- The reading is the own thread's. It lends it when it has handed out every answer that was waited
  for; from then on it minds only what others ask of it (the wake-up) and whether the peer closes.
- A caller borrows it for one answer at a time, and wakes the own thread, which takes it back, as
  soon as there is something that is the own thread's: a request, the association's end, another
  caller that waits.
- A caller that could not borrow, or is asked to give it back, waits for its answer as before.
- A loan that was not used for LOAN_S is over: so late at most is a report that comes between two
  of our requests.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable

from echonode.dimse.upper_layer.threads import WakeUp

LOAN_S = 0.02

# Not readable bytes, which are the borrower's, but the end of them (Linux; elsewhere a reset only).
_PEER_CLOSED = getattr(select, "POLLRDHUP", 0)


class Reading:
    """The reading of one association: callers `borrow` it and `give_back`, its own thread lends."""

    def __init__(self, wake: WakeUp) -> None:
        self._wake = wake
        self._borrowed = threading.Lock()
        self._lent_until: float | None = None
        self._poller: select.poll | None = None

    @property
    def is_lent(self) -> bool:
        """Whether callers may read; a borrower asks it again and again."""
        return self._lent_until is not None

    @property
    def is_borrowed(self) -> bool:
        """Whether a caller reads just now."""
        return self._borrowed.locked()

    # callers -------------------------------------------------------------------------------

    def borrow(self) -> bool:
        """Whether the caller may read, until it gives that back."""
        if self._lent_until is None or not self._borrowed.acquire(blocking=False):
            return False
        if not self.is_lent:  # taken back meanwhile
            self._borrowed.release()
            return False
        return True

    def recall(self) -> None:
        """The borrower, or anybody: the own thread is asked for, so the loan is over."""
        self._lent_until = None

    def give_back(self, *, wanted: Callable[[], bool]) -> None:
        """After `borrow`; wanted: whether the own thread should take the reading back at once."""
        if self.is_lent:
            self._lent_until = time.monotonic() + LOAN_S
        self._borrowed.release()
        # Asked after the release: who comes before it is seen here, who comes after can borrow.
        if wanted():
            self._wake.set()

    # the own thread ------------------------------------------------------------------------

    def lend(self) -> None:
        """From now on callers may read."""
        self._lent_until = time.monotonic() + LOAN_S

    def mind(self, descriptor: int) -> None:
        """Wait until the loan is over or somebody asks for this thread; then take it back."""
        if self._poller is None:
            self._poller = select.poll()
            self._poller.register(self._wake.fileno(), select.POLLIN)
            self._poller.register(descriptor, _PEER_CLOSED)
        while not self._poller.poll(LOAN_S * 1000) and not self._is_over():
            pass
        self._take_back()

    def _is_over(self) -> bool:
        until = self._lent_until
        return until is None or not (self.is_borrowed or time.monotonic() < until)

    def _take_back(self) -> None:
        self._lent_until = None
        if not self._borrowed.acquire(blocking=False):
            self._wake.set()  # the borrower waits for bytes and for this
            self._borrowed.acquire()
        self._lent_until = None  # giving back, the borrower may have renewed it
        self._borrowed.release()

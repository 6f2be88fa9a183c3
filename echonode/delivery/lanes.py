"""The lanes of one destination: threads with an association each, as many as help.

Rules
- The worker's own thread is the first lane and always there; helpers come while there is more
  waiting than lanes, and go when there is no more work for them, or too many of them.
- A helper that gets no association is no misfortune of the destination: it says how many
  associations the archive gives (concurrency.py), and its instance goes by another lane.
- When the destination is paused, or the node stops, each lane finishes the instance it is sending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from echonode.delivery.association_holder import Line
from echonode.delivery.claimed_jobs import BATCH, Claims
from echonode.delivery.concurrency import Parallelism
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.outcome_writer import Clerk
from echonode.delivery.sender import Sender
from echonode.errors import NetworkError, PeerUnreachable, described
from echonode.log import get_logger, place_of
from echonode.store.values import DeliveryJob

# For the next still of a burst; the first lane lingers longer (wiring.LINGER_S).
HELPER_LINGER_S = 0.5
# What a lane that has to be broken off may take for it: half for A-ABORT, half once the connection
# is closed.
BREAK_OFF_S = 2.0
# For what need not be finished: an association that is being opened, a question.
EXPENDABLE_S = 1.0
# Behind a backlog for a slow archive, what was sent is asked for as often as this: until it is
# promised, nothing of it may be deleted here.
PROOF_EVERY_S = 5.0

log = get_logger(__name__)


class Crew:
    """Sends what is due to one destination over one or more lanes.

    `send_due` and `put_back` are for the first lane's thread, the rest for any.
    """

    def __init__(
        self,
        name: str,
        *,
        claims: Claims,
        clerk: Clerk,
        sender: Sender,
        health: DestinationHealth,
        parallelism: Parallelism,
        new_line: Callable[[], Line],
        monotonic: Callable[[], float],
    ) -> None:
        self._name = name
        self._claims = claims
        self._clerk = clerk
        self._sender = sender
        self._health = health
        self._new_line = new_line
        self._monotonic = monotonic
        self._lock = threading.Lock()  # for what follows
        self._parallelism = parallelism
        self._helpers: dict[int, tuple[threading.Thread, Line]] = {}
        self._stopping = self._abandoned = False
        self.on_left: Callable[[], None] = lambda: None  # a helper left something to be sent

    @property
    def lanes(self) -> int:
        """Helpers with an open association."""
        with self._lock:
            return sum(line.is_open for _, line in self._helpers.values())

    @property
    def level(self) -> int:
        """How many associations the line and the archive were found to be worth."""
        return self._parallelism.level

    def start(self) -> None:
        """Before the first `send_due` of a worker that has a thread."""
        self._clerk.start()

    def send_due(self, line: Line, stopping: Callable[[], bool]) -> bool:
        """Send for PROOF_EVERY_S, a batch at most, on the first lane; False: nothing was due.

        A failure may leave the destination paused. Raises what Line.get raises, and StoreError;
        then, and when it is paused or stopped, nothing is left claimed. What it sent is durable.
        """
        sent = 0
        completed = False
        until = self._monotonic() + PROOF_EVERY_S
        try:
            while sent < BATCH and not stopping() and not self._health.paused_s():
                if sent and self._monotonic() >= until:
                    break
                # While the destination may be down, claiming more than one would be in vain.
                cautious = self._health.is_suspect and not line.is_open
                job = self._claims.take(limit=1 if cautious else BATCH)
                if job is None:
                    break
                sent += 1
                self._send(line, job)
                self._call_helpers()
            completed = not self._health.paused_s() and not stopping()
        finally:
            if not completed:
                self._claims.put_back()
        self._clerk.flush()
        return sent > 0

    def put_back(self) -> None:
        """Give back what is claimed and not under way. Raises StoreError."""
        self._claims.put_back()

    def no_more(self) -> bool:
        """The first lane got no association while helpers have theirs: the archive gives no more.

        False where no helper has one: then the destination itself is to blame.
        """
        lanes = self.lanes
        if lanes:
            with self._lock:
                self._parallelism.refused(lanes, now=self._monotonic())
        return lanes > 0

    def ask_stop(self) -> None:
        """Let the helpers finish what they send, and begin nothing more. Does not wait."""
        with self._lock:
            self._stopping = True
            for _, line in self._helpers.values():
                line.ask_stop()

    def stop(self, first: Lane, deadline_s: float) -> bool:
        """End every lane, the first one too; False: one had to be broken off.

        Returns BREAK_OFF_S after `deadline_s` at the latest. Raises StoreError where what became of
        what was sent cannot be written: that is sent once more.
        """
        until = time.monotonic() + deadline_s
        self.ask_stop()
        with self._lock:
            lanes: list[Lane] = [first, *self._helpers.values()]
        late = _joined(lanes, until)
        for _, line in late:
            line.abort()
        broken = _joined(late, time.monotonic() + BREAK_OFF_S / 2)
        for _, line in broken:
            line.hang_up()
        self._abandoned = bool(_joined(broken, time.monotonic() + BREAK_OFF_S / 2))
        self._claims.put_back()  # what a helper took and could not send
        self._clerk.stop(max(0.0, until - time.monotonic()))
        return not late

    def _send(self, line: Line, job: DeliveryJob) -> None:
        try:
            self._sender.send(line, job, self._claims.upcoming())
        except BaseException:
            self._claims.give_back(job)
            raise
        lanes = self.lanes + 1  # the first lane, sending or about to
        with self._lock:
            self._parallelism.finished(
                job.instance.size,
                now=self._monotonic(),
                lanes=lanes,
                more=self._claims.waiting > 0,
            )

    # --- helpers ---

    def _call_helpers(self) -> None:
        """Start helpers where there is work for them."""
        with self._lock:
            if self._stopping:
                return
            for number in range(1, self._parallelism.level):
                if number in self._helpers or self._claims.waiting <= len(self._helpers):
                    continue
                line = self._new_line()
                thread = threading.Thread(
                    target=self._run_helper,
                    args=(number, line),
                    name=f"delivery-{self._name}-{number + 1}",
                    daemon=True,
                )
                try:
                    thread.start()
                except RuntimeError:  # the system gives no more threads: fewer lanes, then
                    return
                # It is here before the thread, which takes the lock to leave, could be gone.
                self._helpers[number] = (thread, line)

    def _run_helper(self, number: int, line: Line) -> None:
        try:
            self._help(number, line)
        except NetworkError as error:
            self._refused(error)
        except Exception as error:  # noqa: BLE001  # the thread's top
            if not self._abandoned:  # else it meets what is closed by now: no news
                log.error(
                    "delivery_stalled",
                    destination=self._name,
                    error=described(error),
                    where=place_of(error),
                )
        finally:
            line.release()
            with self._lock:
                self._helpers.pop(number, None)
            if self._claims.waiting and not self._stopping:
                self.on_left()  # what it gave back is for the first lane, which may be asleep

    def _help(self, number: int, line: Line) -> None:
        while self._is_wanted(number):
            job = self._claims.take()
            if job is not None:
                self._send(line, job)
            elif not self._claims.wait_for_more(HELPER_LINGER_S):
                return

    def _is_wanted(self, number: int) -> bool:
        return (
            not self._stopping and number < self._parallelism.level and not self._health.paused_s()
        )

    def _refused(self, error: NetworkError) -> None:
        """Fewer associations, then; what the helper had taken goes by another lane."""
        lanes = self.lanes + 1
        if isinstance(error, PeerUnreachable):
            return  # it is down, which the first lane finds out for itself
        with self._lock:
            self._parallelism.refused(lanes, now=self._monotonic())
        log.info(
            "associations_limited", destination=self._name, associations=lanes, reason=str(error)
        )


Lane = tuple[threading.Thread, Line]


def _joined(lanes: Sequence[Lane], until: float) -> list[Lane]:
    """Wait for the lanes; those that have not ended by then."""
    for thread, line in lanes:
        if line.is_expendable:
            thread.join(min(EXPENDABLE_S, max(0.0, until - time.monotonic())))
        if not line.is_expendable:
            thread.join(max(0.0, until - time.monotonic()))
    return [(thread, line) for thread, line in lanes if thread.is_alive()]

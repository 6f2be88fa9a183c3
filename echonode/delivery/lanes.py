"""The lanes of one destination: threads with an association each, as many as improve the rate.

Rules
- The worker's own thread is the first lane and is always there. Helpers are started while more
  instances wait than there are lanes. A helper ends when there is no more work for it, or when
  fewer lanes are wanted.
- A lane that gets no association does not count as a failure of the destination: it shows how many
  associations the archive gives (concurrency.py), and its instance is sent by another lane.
- Of several nodes each has its share of the associations, so that the archive never has more of
  all together than it is configured for; a share of none sends nothing.
- When the destination is paused, or the node stops, each lane finishes the instance it is sending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from echonode.delivery.claimed_jobs import BATCH, ClaimedJobs
from echonode.delivery.concurrency import ConcurrencyController
from echonode.delivery.context import DestinationContext
from echonode.delivery.lane import Lane
from echonode.delivery.outcome_writer import OutcomeWriter
from echonode.errors import NetworkError, PeerUnreachable, described
from echonode.log import get_logger, place_of
from echonode.store.values import DeliveryJob

# A helper waits this long for the next still of a burst; the first lane longer (factory.LINGER_S).
HELPER_LINGER_S = 0.5
# What a lane that has to be broken off may take for it: half for A-ABORT, half once the connection
# is closed.
BREAK_OFF_S = 2.0
# At a stop, for work that need not be finished: an association that is being opened, a query.
EXPENDABLE_S = 1.0
# With a backlog for a slow archive, proof is requested this often: nothing may be deleted here
# before the archive has committed to keep it.
PROOF_EVERY_S = 5.0

log = get_logger(__name__)

RunningLane = tuple[threading.Thread, Lane]


class LanePool:
    """Sends what is due to one destination over one or more lanes.

    Only the first lane's thread calls `send_due` and `put_back`; any thread the rest.
    """

    def __init__(
        self,
        context: DestinationContext,
        *,
        claimed_jobs: ClaimedJobs,
        outcome_writer: OutcomeWriter,
        concurrency: ConcurrencyController,
        new_lane: Callable[[], Lane],
    ) -> None:
        self._name = context.destination.name
        self._health = context.health
        self._monotonic = context.monotonic
        self._nodes = context.nodes
        self._claimed_jobs = claimed_jobs
        self._outcome_writer = outcome_writer
        self._new_lane = new_lane
        self._lock = threading.Lock()  # for what follows
        self._concurrency = concurrency
        self._helpers: dict[int, RunningLane] = {}
        self._stopping = self._abandoned = False
        self.on_left: Callable[[], None] = lambda: None  # a helper ended with work still to do

    @property
    def lanes(self) -> int:
        """Helpers with an open association."""
        with self._lock:
            return sum(lane.holder.is_open for _, lane in self._helpers.values())

    @property
    def level(self) -> int:
        """How many associations the controller wants."""
        return self._concurrency.level

    @property
    def is_without_lanes(self) -> bool:
        """Whether other nodes have all associations that the archive is configured to give."""
        return self._our_lanes() == 0

    def start(self) -> None:
        """Call before the first `send_due` of a worker that has a thread."""
        self._outcome_writer.start()

    def send_due(self, lane: Lane, stopping: Callable[[], bool]) -> bool:
        """Send on the first lane for PROOF_EVERY_S, one batch at most; False: nothing was due.

        A failure may leave the destination paused. Raises what AssociationHolder.get raises, and
        StoreError; then, and when it is paused or stopped, nothing stays claimed. The outcomes of
        what was sent are durable.
        """
        if self.is_without_lanes:
            return False
        sent = 0
        completed = False
        until = self._monotonic() + PROOF_EVERY_S
        try:
            while sent < BATCH and not stopping() and not self._health.paused_s():
                if sent and self._monotonic() >= until:
                    break
                # While the destination may be down, claim one only: more would all go back.
                cautious = self._health.is_suspect and not lane.holder.is_open
                job = self._claimed_jobs.take(limit=1 if cautious else BATCH)
                if job is None:
                    break
                sent += 1
                self._send(lane, job)
                self._start_helpers()
            completed = not self._health.paused_s() and not stopping()
        finally:
            if not completed:
                self._claimed_jobs.put_back()
        self._outcome_writer.flush()
        return sent > 0

    def put_back(self) -> None:
        """Return what is claimed and not being sent. Raises StoreError."""
        self._claimed_jobs.put_back()

    def archive_is_at_its_limit(self) -> bool:
        """Call where the first lane got no association: whether helpers have all it gives.

        False where no helper has one: then the destination itself is the cause.
        """
        lanes = self.lanes
        if lanes:
            with self._lock:
                self._concurrency.refused(lanes, now=self._monotonic())
        return lanes > 0

    def ask_stop(self) -> None:
        """Let the helpers finish what they send, and begin nothing more. Does not wait."""
        with self._lock:
            self._stopping = True
            for _, lane in self._helpers.values():
                lane.holder.ask_stop()

    def stop(self, first: RunningLane, deadline_s: float) -> bool:
        """End every lane, the first one too; False: one had to be broken off.

        Returns BREAK_OFF_S after `deadline_s` at the latest. Raises StoreError where an outcome
        cannot be written: that instance is sent once more after the next start.
        """
        until = time.monotonic() + deadline_s
        self.ask_stop()
        with self._lock:
            lanes: list[RunningLane] = [first, *self._helpers.values()]
        late = _joined(lanes, until)
        for _, lane in late:
            lane.holder.abort()
        broken = _joined(late, time.monotonic() + BREAK_OFF_S / 2)
        for _, lane in broken:
            lane.holder.hang_up()
        self._abandoned = bool(_joined(broken, time.monotonic() + BREAK_OFF_S / 2))
        self._claimed_jobs.put_back()  # what a helper took and could not send
        self._outcome_writer.stop(max(0.0, until - time.monotonic()))
        return not late

    def _send(self, lane: Lane, job: DeliveryJob) -> None:
        try:
            lane.send(job, self._claimed_jobs.upcoming())
        except BaseException:
            self._claimed_jobs.give_back(job)
            raise
        lanes = self.lanes + 1  # the first lane, sending or about to
        with self._lock:
            self._concurrency.finished(
                job.instance.size,
                now=self._monotonic(),
                lanes=lanes,
                more=self._claimed_jobs.waiting > 0,
            )

    # --- helpers ---

    def _start_helpers(self) -> None:
        """Start helpers where there is work for them."""
        with self._lock:
            if self._stopping:
                return
            for number in range(1, min(self._concurrency.level, self._our_lanes())):
                if number in self._helpers or self._claimed_jobs.waiting <= len(self._helpers):
                    continue
                lane = self._new_lane()
                thread = threading.Thread(
                    target=self._run_helper,
                    args=(number, lane),
                    name=f"delivery-{self._name}-{number + 1}",
                    daemon=True,
                )
                try:
                    thread.start()
                except RuntimeError:  # the system gives no more threads: send on fewer lanes
                    return
                # Entered under the lock, which the thread takes before it removes itself.
                self._helpers[number] = (thread, lane)

    def _run_helper(self, number: int, lane: Lane) -> None:
        try:
            self._help(number, lane)
        except NetworkError as error:
            self._refused(error)
        except Exception as error:  # noqa: BLE001  # the thread's top
            if not self._abandoned:  # else it fails on what was closed at the stop
                log.error(
                    "delivery_stalled",
                    destination=self._name,
                    error=described(error),
                    where=place_of(error),
                )
        finally:
            lane.holder.release()
            with self._lock:
                self._helpers.pop(number, None)
            if not self._stopping:
                # The first lane may be asleep: it sends what is left, and asks for the proof of
                # what was sent here since it asked last.
                self.on_left()

    def _help(self, number: int, lane: Lane) -> None:
        while self._is_wanted(number):
            job = self._claimed_jobs.take()
            if job is not None:
                self._send(lane, job)
            elif not self._claimed_jobs.wait_for_more(HELPER_LINGER_S):
                break
        self._outcome_writer.flush()

    def _our_lanes(self) -> int:
        """How many this node may have, so that all nodes together have no more than configured."""
        return self._nodes.share_of(self._concurrency.cap)

    def _is_wanted(self, number: int) -> bool:
        return (
            not self._stopping
            and number < min(self._concurrency.level, self._our_lanes())
            and not self._health.paused_s()
        )

    def _refused(self, error: NetworkError) -> None:
        """Use fewer associations; another lane sends what the helper had taken."""
        lanes = self.lanes + 1
        if isinstance(error, PeerUnreachable):
            return  # it is down, which the first lane finds out for itself
        with self._lock:
            self._concurrency.refused(lanes, now=self._monotonic())
        log.info(
            "associations_limited", destination=self._name, associations=lanes, reason=str(error)
        )


def _joined(lanes: Sequence[RunningLane], until: float) -> list[RunningLane]:
    """Wait for the lanes; return those that have not ended by then."""
    for thread, lane in lanes:
        if lane.holder.is_expendable:
            thread.join(min(EXPENDABLE_S, max(0.0, until - time.monotonic())))
        if not lane.holder.is_expendable:
            thread.join(max(0.0, until - time.monotonic()))
    return [(thread, lane) for thread, lane in lanes if thread.is_alive()]

"""The delivery to one destination: a thread that sends what is due and requests proof of it.

Rules
- Each destination has its own threads and associations: a slow or dead one delays no other.
- `run_once` does what is due and returns how long nothing will be due. The thread calls it in a
  loop and waits on an event, so a new capture is sent at once and an idle node uses no CPU.
- The pause of a destination is measured on the monotonic clock: setting the wall clock neither
  ends nor extends it.
"""

from __future__ import annotations

import logging

from echonode.delivery.context import DestinationContext
from echonode.delivery.delivery_status import Contact, DeliveryStatus
from echonode.delivery.echo import EchoSCU
from echonode.delivery.lane import Lane
from echonode.delivery.lanes import LanePool
from echonode.delivery.peer_capabilities import PeerCapabilities
from echonode.delivery.proof import Proof, shortest_wait
from echonode.delivery.retry import after_no_association
from echonode.delivery.sending_rate import SendingRate
from echonode.errors import AssociationRejected, NetworkError, StoreError, described
from echonode.log import get_logger, place_of
from echonode.threads import RecurringThread

# After a step that failed on our side (a full disk): trying again at once seldom helps.
STALLED_S = 5.0
# Due times are by the wall clock, which may be set: look again at least this often.
LONGEST_WAIT_S = 600.0
# While it is not reached for the same reason, this is how often the log repeats it.
REPEAT_LOG_S = 3600.0
# Something is due and could not be claimed: another transaction has it for a moment.
_SHORTEST_WAIT_S = 0.05
# The archive gives no more associations, and other lanes send on theirs.
_AT_LIMIT_S = 1.0
# Another node requests the proof; it may be gone by then.
_OTHERS_S = 10.0

log = get_logger(__name__)


class DeliveryWorker:
    """Delivers to one destination; `wake` may be called from any thread."""

    def __init__(
        self,
        context: DestinationContext,
        *,
        lane: Lane,
        lane_pool: LanePool,
        proof: Proof,
        echo: EchoSCU,
        capabilities: PeerCapabilities,
        rate: SendingRate,
    ) -> None:
        """lane: the first one, for this worker's thread."""
        self.destination = context.destination
        self._store = context.store
        self._lane = lane
        self._holder = lane.holder
        self._lane_pool = lane_pool
        self._proof = proof
        self._echo = echo
        self._health = context.health
        self._capabilities = capabilities
        self._rate = rate
        self._nodes = context.nodes
        self._now = context.now
        self._monotonic = context.monotonic
        self._random = context.random
        self._backoff = context.backoff
        lane_pool.on_left = self.wake
        self._problem = ""
        self._stalled = ""
        # Why it is not reached, and when that was logged last.
        self._logged: tuple[str, float] | None = None
        # Its thread did not end at the stop (a handshake): it must not touch what is closed by
        # then, and its errors are not logged.
        self._abandoned = False
        self._thread = RecurringThread(
            f"delivery-{context.destination.name}",
            self._step,
            on_stalled=self._on_stalled,
            stalled_s=STALLED_S,
            on_end=self._on_end,
        )

    @property
    def status(self) -> DeliveryStatus:
        """The state of the destination now."""
        health = self._health
        return DeliveryStatus(
            contact=health.contact,
            heard_at=health.heard_at,
            unreachable=self._problem if health.contact is Contact.NOT_REACHED else "",
            stalled=self._stalled or health.fault or self._died(),
            unpromising=self._proof.problem,
            associations=self._lane_pool.lanes + self._holder.is_open,
            accepts=self._capabilities.accepted,
            paused_s=health.paused_s(),
            sent_per_minute=self._rate.per_minute(),
        )

    def _died(self) -> str:
        thread = self._thread
        if not thread.was_started or thread.is_alive or thread.is_stopping:
            return ""
        return "the thread that delivers has ended: restart the node"

    def start(self) -> None:
        """Start the threads; what the store holds from before the start is due as well."""
        self._lane_pool.start()
        self._thread.start()

    def wake(self) -> None:
        """Something became due."""
        self._thread.wake()

    def call_now(self) -> None:
        """A person asks for a call: a pause of the destination ends, and what is due is sent."""
        self._health.end_pause()
        self._thread.wake()

    def ask_stop(self) -> None:
        """Begin nothing more; what is being sent is finished. Does not wait."""
        self._thread.ask_stop()
        self._holder.ask_stop()
        self._lane_pool.ask_stop()

    def stop(self, deadline_s: float) -> bool:
        """Finish the C-STOREs under way, release and end. False: one had to be broken off.

        Returns lanes.BREAK_OFF_S after `deadline_s` at the latest.
        """
        self.ask_stop()
        if not self._thread.was_started:
            return True  # never started; a thread that ended may still have helpers
        try:
            return self._lane_pool.stop((self._thread.thread, self._lane), deadline_s)
        except StoreError as error:
            self._log_stalled(error)
            return False
        finally:
            self._abandoned = self._thread.is_alive

    def run_once(self) -> float:
        """Do what is due now; returns the seconds until more may be, unless `wake` comes first."""
        work_s = self._health.paused_s() or self._work()
        if self._holder.remaining_s() == 0:
            self._holder.release()
        wait_s = shortest_wait(work_s, self._holder.remaining_s(), self._echo_s())
        return LONGEST_WAIT_S if wait_s is None else min(wait_s, LONGEST_WAIT_S)

    def _work(self) -> float | None:
        """Send and request proof. Returns the seconds until more is due; None: not known."""
        try:
            found = self._lane_pool.send_due(self._lane, lambda: self._thread.is_stopping)
            if self._thread.is_stopping or self._health.paused_s():
                return self._health.paused_s()
            proof_s = self._proof.request_proof(self._holder) if self._nodes.leads() else _OTHERS_S
            if self._echo.due_s() == 0:
                with self._holder.expendable():
                    self._echo.call()
            self._reached()
        except NetworkError as error:
            self._holder.drop()
            if isinstance(error, AssociationRejected) and self._lane_pool.archive_is_at_its_limit():
                return _AT_LIMIT_S
            self._pause(error)
            return self._health.paused_s()
        return shortest_wait(0.0 if found else self._next_delivery_s(), proof_s)

    def _echo_s(self) -> float | None:
        """Seconds until the next C-ECHO; None: never."""
        due_s = self._echo.due_s()
        return None if due_s is None else max(due_s, self._health.paused_s())

    def _next_delivery_s(self) -> float | None:
        if self._lane_pool.is_without_lanes:
            return _OTHERS_S
        due_at = self._store.next_due(self.destination.name)
        if due_at is None:
            return None
        return max(_SHORTEST_WAIT_S, (due_at - self._now()).total_seconds())

    def _pause(self, error: NetworkError) -> None:
        """The destination gave no association: pause it; no instance is to blame."""
        if self._abandoned:
            return
        self._lane_pool.put_back()
        pause = after_no_association(
            error, failures_before=self._health.refused, random=self._random, backoff=self._backoff
        )
        self._health.not_associated()
        self._health.pause(pause.pause_s)
        self._problem = pause.reason
        rejected = isinstance(error, AssociationRejected)
        level = logging.ERROR if pause.alarm else logging.WARNING
        log.log(
            level if self._is_news(pause.reason) else logging.DEBUG,
            "association_rejected" if rejected else "destination_unreachable",
            destination=self.destination.name,
            ae_title=self.destination.peer.ae_title,
            reason=pause.reason,
            failures=self._health.refused,
            pause_s=round(pause.pause_s, 1),
            alarm=pause.alarm,
        )

    def _is_news(self, reason: str) -> bool:
        """Whether the reason is new, or was logged REPEAT_LOG_S ago."""
        now_s = self._monotonic()
        is_same = self._logged is not None and self._logged[0] == reason
        if is_same and self._logged is not None and now_s - self._logged[1] < REPEAT_LOG_S:
            return False
        self._logged = (reason, now_s)
        return True

    def _reached(self) -> None:
        """The destination was reached in this step: log that where it had not been before."""
        if self._logged is not None and self._health.contact is Contact.REACHED:
            self._logged = None
            log.info(
                "destination_reached",
                destination=self.destination.name,
                ae_title=self.destination.peer.ae_title,
            )

    def _step(self) -> float:
        wait_s = self.run_once()
        self._stalled = ""
        return wait_s

    def _on_stalled(self, error: Exception) -> None:
        if self._abandoned:
            return
        self._stalled = f"deliveries are stalled: {described(error)}; the log says where"
        self._log_stalled(error)
        self._put_back()

    def _on_end(self) -> None:
        if not self._abandoned:
            self._put_back()
            self._holder.release()

    def _put_back(self) -> None:
        """At the end and after an unexpected error: nothing stays claimed."""
        try:
            self._lane_pool.put_back()
        except Exception as error:  # noqa: BLE001  # the thread's end
            self._log_stalled(error)

    def _log_stalled(self, error: Exception) -> None:
        log.error(
            "delivery_stalled",
            destination=self.destination.name,
            error=described(error),
            where=place_of(error),
        )

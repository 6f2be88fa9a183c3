"""One destination's delivery: a thread that sends what is due and asks for proof of it.

Rules
- Each destination has its own threads and associations: a slow or dead one holds up no other.
- `run_once` does what is due and returns how long nothing will be; the thread is that in a loop
  and waits on an event, so that a new capture is sent at once and idleness costs nothing.
- The pause of a destination is measured on the monotonic clock: setting the wall clock neither
  ends nor prolongs it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from echonode.delivery.association_holder import Line
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.destination_status import Contact, Standing
from echonode.delivery.echo import EchoSCU
from echonode.delivery.lanes import Crew
from echonode.delivery.peer_capabilities import Acquaintance
from echonode.delivery.ports import DeliveryStore
from echonode.delivery.proof import Proof, earliest
from echonode.delivery.retry import Backoff, Random, after_no_association
from echonode.errors import AssociationRejected, NetworkError, StoreError, described
from echonode.log import get_logger, place_of
from echonode.model.identity import Destination

# After a step that failed on our side (a full disk, a delivery that an operator moved meanwhile):
# trying again at once would seldom help.
STALLED_S = 5.0
# Due times are by the wall clock, which may be set: look again at least this often.
LONGEST_WAIT_S = 600.0
# While it is not reached for the same reason, the log says so as often as this.
TELL_AGAIN_S = 3600.0
# Something is due and was not to be claimed: leave whoever holds it a moment.
_SHORTEST_WAIT_S = 0.05
# The archive gives no association more, and other lanes have theirs.
_OTHERS_AT_WORK_S = 1.0

log = get_logger(__name__)


class DeliveryWorker:
    """Delivers to one destination; `wake` may be called from any thread."""

    def __init__(
        self,
        destination: Destination,
        *,
        store: DeliveryStore,
        line: Line,
        crew: Crew,
        proof: Proof,
        echo: EchoSCU,
        health: DestinationHealth,
        acquaintance: Acquaintance,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        random: Random,
        backoff: Backoff,
    ) -> None:
        self.destination = destination
        self._store = store
        self._line = line
        self._crew = crew
        self._proof = proof
        self._echo = echo
        self._health = health
        self._acquaintance = acquaintance
        self._now = now
        self._monotonic = monotonic
        self._random = random
        self._backoff = backoff
        self._wake = threading.Event()
        crew.on_left = self.wake
        self._stopping = threading.Event()
        self._problem = ""
        self._stalled = ""
        self._told: tuple[str, float] | None = None  # why it is not reached, and when that was said
        # Still in a handshake when the node's patience ended: it must not touch what is closed by
        # then, and what it meets is no news.
        self._abandoned = False
        self._thread = threading.Thread(
            target=self._run, name=f"delivery-{destination.name}", daemon=True
        )

    @property
    def standing(self) -> Standing:
        """How the destination stands just now."""
        health = self._health
        return Standing(
            contact=health.contact,
            heard_at=health.heard_at,
            unreachable=self._problem if health.contact is Contact.NOT_REACHED else "",
            stalled=self._stalled or health.fault or self._died(),
            unpromising=self._proof.problem,
            associations=self._crew.lanes + self._line.is_open,
            accepts=self._acquaintance.accepted,
        )

    def _died(self) -> str:
        started = self._thread.ident is not None
        if not started or self._thread.is_alive() or self._stopping.is_set():
            return ""
        return "the thread that delivers has ended: restart the node"

    def start(self) -> None:
        """Begin, with whatever the store still holds from before."""
        self._crew.start()
        self._thread.start()

    def wake(self) -> None:
        """Something became due."""
        self._wake.set()

    def ask_stop(self) -> None:
        """Begin nothing more; what is under way goes on. Does not wait."""
        self._stopping.set()
        self._line.ask_stop()
        self._crew.ask_stop()
        self._wake.set()

    def stop(self, deadline_s: float) -> bool:
        """Finish the C-STOREs under way, release and end. False: one had to be broken off.

        Returns crew.BREAK_OFF_S after `deadline_s` at the latest.
        """
        self.ask_stop()
        if self._thread.ident is None:
            return True  # never started; one that has just ended may have left lanes behind
        try:
            return self._crew.stop((self._thread, self._line), deadline_s)
        except StoreError as error:
            self._log_stalled(error)
            return False
        finally:
            self._abandoned = self._thread.is_alive()

    def run_once(self) -> float:
        """Do what is due now; returns the seconds until more may be, unless `wake` comes first."""
        work_s = self._health.paused_s() or self._work()
        if self._line.remaining_s() == 0:
            self._line.release()
        wait_s = earliest(work_s, self._line.remaining_s(), self._echo_s())
        return LONGEST_WAIT_S if wait_s is None else min(wait_s, LONGEST_WAIT_S)

    def _work(self) -> float | None:
        """Send and seek proof. Returns the seconds until there is more to do; None: not known."""
        try:
            found = self._crew.send_due(self._line, self._stopping.is_set)
            if self._stopping.is_set() or self._health.paused_s():
                return self._health.paused_s()
            proof_s = self._proof.seek(self._line)
            if self._echo.due_s() == 0:
                with self._line.expendable():
                    self._echo.call()
            self._reached()
        except NetworkError as error:
            self._line.drop()
            if isinstance(error, AssociationRejected) and self._crew.no_more():
                return _OTHERS_AT_WORK_S
            self._pause(error)
            return self._health.paused_s()
        return earliest(0.0 if found else self._next_delivery_s(), proof_s)

    def _echo_s(self) -> float | None:
        """Seconds until it is called to hear whether it is there."""
        due_s = self._echo.due_s()
        return None if due_s is None else max(due_s, self._health.paused_s())

    def _next_delivery_s(self) -> float | None:
        due_at = self._store.next_due(self.destination.name)
        if due_at is None:
            return None
        return max(_SHORTEST_WAIT_S, (due_at - self._now()).total_seconds())

    def _pause(self, error: NetworkError) -> None:
        """The destination gave no association: leave it alone, blaming no instance."""
        if self._abandoned:
            return
        self._crew.put_back()
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
        """Whether it is told at its own level: at first, when it changes, and once in a while."""
        now_s = self._monotonic()
        told = self._told is not None and self._told[0] == reason
        if told and self._told is not None and now_s - self._told[1] < TELL_AGAIN_S:
            return False
        self._told = (reason, now_s)
        return True

    def _reached(self) -> None:
        """Nothing kept it from being reached in this step: say so where something had."""
        if self._told is not None and self._health.contact is Contact.REACHED:
            self._told = None
            log.info(
                "destination_reached",
                destination=self.destination.name,
                ae_title=self.destination.peer.ae_title,
            )

    def _run(self) -> None:
        while True:
            # Cleared before the work, so that what comes during it is not missed, and before the
            # look at `stopping`, which is set before the event.
            self._wake.clear()
            if self._stopping.is_set():
                break
            self._wake.wait(self._step())
        if not self._abandoned:
            self._put_back()
            self._line.release()

    def _put_back(self) -> None:
        """At the end, and after what nobody foresaw: nothing stays claimed."""
        try:
            self._crew.put_back()
        except Exception as error:  # noqa: BLE001  # the thread's end
            self._log_stalled(error)

    def _step(self) -> float:
        try:
            wait_s = self.run_once()
        except Exception as error:  # noqa: BLE001  # the thread's top
            if self._abandoned:
                return STALLED_S
            self._stalled = f"deliveries are stalled: {described(error)}; the log says where"
            self._log_stalled(error)
        else:
            self._stalled = ""
            return wait_s
        self._put_back()
        return STALLED_S

    def _log_stalled(self, error: Exception) -> None:
        log.error(
            "delivery_stalled",
            destination=self.destination.name,
            error=described(error),
            where=place_of(error),
        )

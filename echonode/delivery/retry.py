"""What to do after an instance was answered, lost or not sent. Pure: (facts, now, random).

Rules
- A fault of the instance is counted and postpones the instance. A fault of the destination (it is
  down, full, busy, or does not recognise us) pauses the destination, and no attempt is counted.
- A destination that is down is called often: every 5 s in the first minute (an archive that
  restarts gets its images within seconds), every 10 s in the next two, then every 30 s, then every
  60 s without end. A refused connection costs one packet each way, and no person has to act.
- An archive that answers and is out of resources (A7xx) is left alone for 30 s, doubling up to 1 h:
  each attempt costs it the transfer of an instance.
- Without an answer the outcome is not known. The instance may have been stored, and the same bytes
  are sent again. The first repetition comes as soon as the destination is called again. Later ones
  postpone the instance, so that an instance that breaks the archive does not stop the others. An
  alarm informs the operator. The instance is held only where the archive broke the association off
  at it repeatedly while it stored others (blame.py). Otherwise it is sent without end, because the
  archive has not refused it.
- An error of our own code is a failure of the instance: it is sent again a few times, at growing
  intervals, then held. Lack of memory or disk space, and a fault that hits every association, are
  not: nothing is held for them.
- Jitter (model/backoff.py) keeps nodes that one outage has stopped from all coming back at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from echonode.delivery.blame import LOSSES_BEFORE_HOLD
from echonode.delivery.status_table import Treatment, Verdict
from echonode.errors import (
    AssociationRejected,
    ContextNotAccepted,
    Damaged,
    InvalidObject,
    NeedsLook,
    NetworkError,
    NotAnonymised,
    PeerUnreachable,
    described,
)
from echonode.model.backoff import JITTER, Doubling, Random, step_s
from echonode.model.delivery import DAMAGED_HERE, WAITS_FOR_LOOK, DeliveryEvent
from echonode.model.instance import DerivedCopy
from echonode.model.status import SUCCESS

# Attempts at an instance that our own code fails on, over about eight minutes. A temporary cause (a
# worker process that was killed) is over by then; otherwise the error would only come again.
FAULTS_BEFORE_HOLD = 5


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long to wait before each repetition, in seconds.

    first_s, cap_s: doubling from one to the other. unreachable_s: the pauses of a destination that
    cannot be reached; busy_s: of one that rejects for now; rejected_s: of one that rejects until
    its operator acts. The last of each repeats. jitter: the largest part that is added.
    unanswered_before_alarm: so many missing answers for one instance raise an alarm.
    """

    first_s: float = 30.0
    cap_s: float = 3600.0
    unreachable_s: tuple[float, ...] = (
        *(1.0, 2.0),
        *(5.0,) * 12,
        *(10.0,) * 12,
        *(30.0,) * 10,
        60.0,
    )
    busy_s: tuple[float, ...] = (2.0, 5.0, 10.0, 30.0, 60.0)
    # A person corrects this, then checks that it works. A rejection costs one packet each way, like
    # a refused connection.
    rejected_s: tuple[float, ...] = (30.0, 60.0)
    jitter: float = JITTER
    unanswered_before_alarm: int = 5

    def doubling(self, failures_before: int, random: Random) -> float:
        """The delay after so many failures: first_s, twice that, and so on up to cap_s."""
        doubling = Doubling(first_s=self.first_s, cap_s=self.cap_s, jitter=self.jitter)
        return doubling.delay_s(failures_before, random)

    def step(self, steps: Sequence[float], failures_before: int, random: Random) -> float:
        """The delay of a schedule after so many failures; its last step repeats."""
        return step_s(steps, failures_before, random, jitter=self.jitter)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the worker does next.

    event: for the delivery's state machine. next_attempt_at: when it is due again (RETRY).
    pause_s: how long the destination is paused; 0: not at all. It is a duration, because a pause
    must not change when the wall clock is set. alarm: a person should look. reason: for people.
    """

    event: DeliveryEvent
    reason: str
    next_attempt_at: datetime | None = None
    pause_s: float = 0.0
    alarm: bool = False


@dataclass(frozen=True, kw_only=True)
class Pause:
    """How long a destination is paused after an association could not be opened."""

    pause_s: float
    reason: str
    alarm: bool = False


def after_response(
    verdict: Verdict,
    *,
    failures_before: int,
    pauses_before: int,
    now: datetime,
    random: Random,
    backoff: Backoff,
) -> Decision:
    """The decision on an instance whose C-STORE was answered.

    failures_before: earlier failures of this instance under the same treatment. pauses_before:
    earlier pauses of the destination since it last stored anything.
    """
    match verdict.treatment:
        case Treatment.STORED | Treatment.PERHAPS_STORED:
            return Decision(event=DeliveryEvent.STORED, reason=verdict.meaning)
        case Treatment.HOLD | Treatment.OTHER_CONTEXT:
            # The other context has been tried by now: storage_scu.send_instance.
            return _hold(verdict.meaning)
        case Treatment.PAUSE_DESTINATION:
            pause_s = max(backoff.doubling(pauses_before, random), verdict.wait_s)
            return _retry(verdict, now=now, delay_s=pause_s, pause_s=pause_s)
        case Treatment.RETRY_THEN_HOLD:
            if failures_before >= len(verdict.retry_delays_s):
                return _hold(f"{verdict.meaning}, {failures_before + 1} times")
            delay_s = backoff.step(verdict.retry_delays_s, failures_before, random)
            return _retry(verdict, now=now, delay_s=delay_s)
        case Treatment.RESEND:
            return _retry(verdict, now=now, delay_s=backoff.doubling(failures_before, random))


def after_silence(
    error: NetworkError,
    *,
    failures_before: int,
    losses_before: int,
    blamed: int = 0,
    now: datetime,
    random: Random,
    backoff: Backoff,
) -> Decision:
    """The decision on an instance whose association ended before its C-STORE was answered.

    failures_before: how often that happened to this instance before. losses_before: associations
    lost by the destination since it last answered. blamed: how often the archive broke the
    association off at this instance while it was otherwise well.
    """
    if blamed >= LOSSES_BEFORE_HOLD:
        return _hold(
            f"the archive breaks off at it, {blamed} times while it stored others: {error}"
        )
    pause_s = backoff.step(backoff.unreachable_s, losses_before, random)
    delay_s = pause_s if failures_before == 0 else backoff.doubling(failures_before - 1, random)
    return Decision(
        event=DeliveryEvent.RETRY,
        reason=f"no answer, it may have been stored: {error}",
        next_attempt_at=now + timedelta(seconds=delay_s),
        pause_s=pause_s,
        alarm=failures_before + 1 == backoff.unanswered_before_alarm,
    )


def remark_on_stored(verdict: Verdict, status: int | None, derived: DerivedCopy | None) -> str:
    """What a person should know of a success: a warning, or that a copy was sent instead."""
    is_plain = status == SUCCESS or (status is None and verdict.treatment is Treatment.STORED)
    remarks = [
        "" if is_plain else verdict.meaning,
        f"sent as {derived.remark}" if derived else "",
    ]
    return "; ".join(remark for remark in remarks if remark)


def after_refused_contexts(error: ContextNotAccepted) -> Decision:
    """The decision on an instance for which the archive takes no presentation context."""
    return _hold(str(error))


def after_own_failure(
    error: Exception,
    *,
    is_of_instance: bool,
    failures_before: int,
    now: datetime,
    random: Random,
    backoff: Backoff,
) -> Decision:
    """The decision on an instance that was not sent for a failure of our own.

    is_of_instance: whether the instance is to blame; otherwise it is never held.
    """
    reason = f"this node failed to send it: {described(error)}"
    if is_of_instance and failures_before + 1 >= FAULTS_BEFORE_HOLD:
        return _hold(f"{reason}, {failures_before + 1} times")
    delay_s = backoff.doubling(failures_before, random)
    return Decision(
        event=DeliveryEvent.RETRY,
        reason=reason,
        next_attempt_at=now + timedelta(seconds=delay_s),
        alarm=True,
    )


def after_unreadable(error: InvalidObject) -> Decision:
    """The decision on an instance that cannot be re-encoded and is not accepted as stored."""
    return _hold(f"it cannot be re-encoded for this archive: {error}")


def after_not_anonymised(error: NotAnonymised) -> Decision:
    """The decision on an instance of which no anonymised copy can be made, or not yet."""
    if isinstance(error, NeedsLook):
        return _hold(WAITS_FOR_LOOK)
    return _hold(f"it cannot be anonymised for this archive: {error}")


def after_damage(error: Damaged) -> Decision:
    """The decision on an instance whose bytes here have changed since it was stored."""
    return _hold(f"not sent, {DAMAGED_HERE}: {error}")


def after_no_association(
    error: NetworkError, *, failures_before: int, random: Random, backoff: Backoff
) -> Pause:
    """How long to pause a destination that gave no association; no instance is to blame."""
    if isinstance(error, AssociationRejected) and not error.transient:
        # PS3.8 9.3.4, result 1: wrong AE titles and the like, until a person corrects them.
        pause_s = backoff.step(backoff.rejected_s, failures_before, random)
        return Pause(pause_s=pause_s, reason=f"rejected: {error}", alarm=True)
    if isinstance(error, AssociationRejected):
        pause_s = max(backoff.step(backoff.busy_s, failures_before, random), error.wait_s)
        return Pause(pause_s=pause_s, reason=f"rejected for now: {error}")
    pause_s = backoff.step(backoff.unreachable_s, failures_before, random)
    what = "unreachable" if isinstance(error, PeerUnreachable) else "association lost"
    return Pause(pause_s=pause_s, reason=f"{what}: {error}")


def _hold(reason: str) -> Decision:
    return Decision(event=DeliveryEvent.HOLD, reason=reason, alarm=True)


def _retry(verdict: Verdict, *, now: datetime, delay_s: float, pause_s: float = 0.0) -> Decision:
    return Decision(
        event=DeliveryEvent.RETRY,
        reason=verdict.meaning,
        next_attempt_at=now + timedelta(seconds=delay_s),
        pause_s=pause_s,
        alarm=verdict.alarm,
    )

"""What a peer's answer to a step's message means, and what is done next: pure.

Rules
- An N-CREATE that is answered 0111 is a success: our UID is known there, from a repetition of ours.
- A final N-SET that is answered 0110 after one whose answer was not seen is a success: the first
  arrived, and a step that is over may not be updated (PS3.4 F.7.2.2.2).
- A final N-SET that is answered 0112 begins again with the N-CREATE: the peer has lost the step.
- Warnings are successes (PS3.7 annex C: 0001, 0107, 0116, Bxxx).
- What is for now (0213, no answer) is tried again without a limit, less and less often; 0110 some
  times. What waiting cannot cure is given up, with an alarm and what to do, until a person asks
  again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from echonode.model.identity import Peer
from echonode.model.procedure_step import StepMessage
from echonode.model.status import (
    DUPLICATE_SOP_INSTANCE,
    NO_SUCH_SOP_CLASS,
    NO_SUCH_SOP_INSTANCE,
    NOT_AUTHORISED,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SOP_CLASS_NOT_SUPPORTED,
    UNRECOGNISED_OPERATION,
    StatusKind,
    kind_of,
)

_NOT_SERVED = frozenset({NO_SUCH_SOP_CLASS, SOP_CLASS_NOT_SUPPORTED, UNRECOGNISED_OPERATION})
# Processing failures: over some eighty minutes, in which a database that restarts is back.
MOST_FAILURES = 6
# A peer that answers 0112 to an N-SET again and again has a fault that a person must look at.
MOST_BEGINNINGS = 3
# Seconds before the next try; the last repeats.
PAUSES_S = (5.0, 30.0, 120.0, 600.0, 3600.0)


class Outcome(StrEnum):
    """What becomes of the message."""

    ACKNOWLEDGED = "acknowledged"
    RETRY = "retry"
    BEGIN_AGAIN = "begin_again"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """pause_s: before the next try (RETRY, BEGIN_AGAIN). remedy: '' where there is none."""

    outcome: Outcome
    reason: str = ""
    pause_s: float = 0.0
    remedy: str = ""


def judged(
    message: StepMessage, status: int, *, attempts: int, unseen_before: bool, peer: Peer
) -> Verdict:
    """What a status means. attempts: of this message so far, this one included.

    unseen_before: an earlier attempt's answer was not seen, so that it may have been carried out.
    """
    if kind_of(status) in (StatusKind.SUCCESS, StatusKind.WARNING):
        return Verdict(outcome=Outcome.ACKNOWLEDGED)
    if message is StepMessage.CREATE and status == DUPLICATE_SOP_INSTANCE:
        return Verdict(outcome=Outcome.ACKNOWLEDGED)
    if message is StepMessage.FINAL and status == PROCESSING_FAILURE and unseen_before:
        return Verdict(outcome=Outcome.ACKNOWLEDGED)
    name = "N-CREATE" if message is StepMessage.CREATE else "N-SET"
    reason = f"{name} was answered {status:04X}"
    if (
        message is StepMessage.FINAL
        and status == NO_SUCH_SOP_INSTANCE
        and attempts < MOST_BEGINNINGS
    ):
        return Verdict(outcome=Outcome.BEGIN_AGAIN, reason=reason, pause_s=pause_s(attempts))
    may_pass = status == PROCESSING_FAILURE and attempts < MOST_FAILURES
    if may_pass or status == RESOURCE_LIMITATION:
        return Verdict(outcome=Outcome.RETRY, reason=reason, pause_s=pause_s(attempts))
    return Verdict(outcome=Outcome.GIVEN_UP, reason=reason, remedy=_remedy(status, peer))


def pause_s(attempts: int) -> float:
    """Before the next try, after so many."""
    return PAUSES_S[min(max(attempts, 1), len(PAUSES_S)) - 1]


def _remedy(status: int, peer: Peer) -> str:
    if status in _NOT_SERVED:
        return f"{peer.ae_title} takes no procedure steps: switch MPPS on there, or remove mpps"
    if status == NOT_AUTHORISED:
        return f"{peer.ae_title} does not authorise us to report procedure steps: permit it"
    if status == NO_SUCH_SOP_INSTANCE:
        return f"{peer.ae_title} does not keep the steps that it takes: its log says why"
    return f"The log of {peer.name} says why; then ask again"

"""A performed procedure step (PS3.4 annex F) as we report it: its states and what is due next.

Rules
- TRANSITIONS is total: every (state, event) pair that may happen has a row; any other raises
  IllegalTransition and changes nothing. After COMPLETED and DISCONTINUED nothing happens any more:
  PS3.4 F.7.2.2.2 forbids every change.
- A step is reported by two messages: N-CREATE (IN PROGRESS), and N-SET with the final state and
  every series. Which one is due follows from what is true here and what the peer acknowledged:
  `message_due`. A peer that was away all the time gets both, in that order.
- The SOP Instance UID is derived from the exam's series: a repetition after a kill names the same
  step, and the answer 0111 (duplicate) says that the first N-CREATE had arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from echonode.errors import IllegalTransition
from echonode.model.identity import derive_uid, is_valid_uid
from echonode.model.worklist_item import Reference

MPPS_CLASS = "1.2.840.10008.3.1.2.3.3"


class StepState(StrEnum):
    """Performed Procedure Step Status (0040,0252), in our words."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    DISCONTINUED = "discontinued"

    @property
    def defined_term(self) -> str:
        """As PS3.3 C.4.14 writes it."""
        return self.value.upper().replace("_", " ")


class StepEvent(StrEnum):
    """What can happen to a step."""

    CAPTURED = "captured"  # the first or another image is durable
    COMPLETED = "completed"  # the exam ended
    DISCONTINUED = "discontinued"  # the exam was given up


class StepMessage(StrEnum):
    """What the peer is to be sent next."""

    CREATE = "create"
    FINAL = "final"  # N-SET with the final state


S, E = StepState, StepEvent
TRANSITIONS: MappingProxyType[tuple[StepState, StepEvent], StepState] = MappingProxyType(
    {
        (S.IN_PROGRESS, E.CAPTURED): S.IN_PROGRESS,
        (S.IN_PROGRESS, E.COMPLETED): S.COMPLETED,
        (S.IN_PROGRESS, E.DISCONTINUED): S.DISCONTINUED,
    }
)
# (what is true here, what the peer acknowledged last) -> what is due; None where nothing is.
DUE: MappingProxyType[tuple[StepState, StepState | None], StepMessage | None] = MappingProxyType(
    {
        (S.IN_PROGRESS, None): StepMessage.CREATE,
        (S.IN_PROGRESS, S.IN_PROGRESS): None,
        (S.COMPLETED, None): StepMessage.CREATE,
        (S.COMPLETED, S.IN_PROGRESS): StepMessage.FINAL,
        (S.COMPLETED, S.COMPLETED): None,
        (S.DISCONTINUED, None): StepMessage.CREATE,
        (S.DISCONTINUED, S.IN_PROGRESS): StepMessage.FINAL,
        (S.DISCONTINUED, S.DISCONTINUED): None,
    }
)
del S, E


def after(state: StepState, event: StepEvent) -> StepState:
    """The state that `event` leads to; IllegalTransition where the table has no row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a procedure step that is {state} cannot take {event}") from None


def message_due(state: StepState, acknowledged: StepState | None) -> StepMessage | None:
    """What the peer is to be sent; None where it knows all.

    Raises IllegalTransition where it acknowledged what never was.
    """
    try:
        return DUE[state, acknowledged]
    except KeyError:
        raise IllegalTransition(
            f"a procedure step that is {state} cannot have been acknowledged as {acknowledged}"
        ) from None


@dataclass(frozen=True, kw_only=True)
class PerformedStep:
    """What images say of the step that they were made in (PS3.3 table 10-16).

    id: SH, 16 characters at most. sop_instance_uid: '' where the step is not reported.
    started_at: aware. protocol_name: LO.
    """

    id: str
    started_at: datetime
    sop_instance_uid: str = ""
    description: str = ""
    protocol_name: str = ""

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise ValueError("started_at must be aware")
        if self.sop_instance_uid and not is_valid_uid(self.sop_instance_uid):
            raise ValueError("sop_instance_uid has not the form of a UID")

    @property
    def references(self) -> tuple[Reference, ...]:
        """The step as an image refers to it; empty where it was not reported."""
        if not self.sop_instance_uid:
            return ()
        return (Reference(sop_class_uid=MPPS_CLASS, sop_instance_uid=self.sop_instance_uid),)


def step_uid(series_instance_uid: str) -> str:
    """The SOP Instance UID of the step in which the first series of an exam was made."""
    return derive_uid("procedure_step", series_instance_uid)

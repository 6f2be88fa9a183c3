"""The life of an exam: how far it is, and whether it has its patient.

Rules
- TRANSITIONS is total: every (state, event) pair that may happen has a row; any other raises
  IllegalTransition and changes nothing. docs/exams.md draws it.
- An exam without a patient is captured and stored like any other; whether it is delivered is the
  configuration's choice (exam.deliver_unidentified).
- A capture may become durable after the exam ended: a clip that was under way then, or what waited
  in memory for room on the disk. It is of the exam in which it was taken.
- An exam is identified once. What is wrong after that is corrected, when the exam has ended: its
  instances may have left the node, and another system must learn of it. One that was delivered
  without a patient is corrected as well.
- Images of an exam that no one named, and that is held, were seen by no other system: they are
  withdrawn without a note. The exam stays unidentified, and what else it has can be named.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from echonode.errors import IllegalTransition


class Progress(StrEnum):
    """How far an exam is."""

    OPEN = "open"  # begun; nothing was captured
    SCANNING = "scanning"
    ENDED = "ended"


class Identity(StrEnum):
    """Whether an exam has its patient."""

    UNIDENTIFIED = "unidentified"
    IDENTIFIED = "identified"
    CORRECTED = "corrected"  # after it was sent: a rejection note went out


class ExamEvent(StrEnum):
    """What can happen to an exam."""

    OPENED = "opened"  # the first event, of no state; see `opened`
    CAPTURED = "captured"  # a still or a clip is taken into it
    IDENTIFIED = "identified"
    ENDED = "ended"
    REOPENED = "reopened"  # ended too early
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"  # images that no one named, and that never left, are not to be used
    REJECTION_IGNORED = "rejection_ignored"  # an archive still shows what a note rejected


@dataclass(frozen=True, kw_only=True)
class ExamState:
    """Both at once."""

    progress: Progress
    identity: Identity

    def __str__(self) -> str:
        return f"{self.progress} and {self.identity}"


def _state(progress: Progress, identity: Identity) -> ExamState:
    return ExamState(progress=progress, identity=identity)


P, I, E = Progress, Identity, ExamEvent  # noqa: E741  # columns of the table
TRANSITIONS: MappingProxyType[tuple[ExamState, ExamEvent], ExamState] = MappingProxyType(
    {
        (_state(P.OPEN, I.UNIDENTIFIED), E.CAPTURED): _state(P.SCANNING, I.UNIDENTIFIED),
        (_state(P.OPEN, I.UNIDENTIFIED), E.IDENTIFIED): _state(P.OPEN, I.IDENTIFIED),
        (_state(P.OPEN, I.UNIDENTIFIED), E.ENDED): _state(P.ENDED, I.UNIDENTIFIED),
        (_state(P.SCANNING, I.UNIDENTIFIED), E.CAPTURED): _state(P.SCANNING, I.UNIDENTIFIED),
        (_state(P.SCANNING, I.UNIDENTIFIED), E.IDENTIFIED): _state(P.SCANNING, I.IDENTIFIED),
        (_state(P.SCANNING, I.UNIDENTIFIED), E.ENDED): _state(P.ENDED, I.UNIDENTIFIED),
        (_state(P.ENDED, I.UNIDENTIFIED), E.CAPTURED): _state(P.ENDED, I.UNIDENTIFIED),
        (_state(P.ENDED, I.UNIDENTIFIED), E.IDENTIFIED): _state(P.ENDED, I.IDENTIFIED),
        (_state(P.ENDED, I.UNIDENTIFIED), E.REOPENED): _state(P.SCANNING, I.UNIDENTIFIED),
        (_state(P.ENDED, I.UNIDENTIFIED), E.CORRECTED): _state(P.ENDED, I.CORRECTED),
        (_state(P.ENDED, I.UNIDENTIFIED), E.WITHDRAWN): _state(P.ENDED, I.UNIDENTIFIED),
        (_state(P.OPEN, I.IDENTIFIED), E.CAPTURED): _state(P.SCANNING, I.IDENTIFIED),
        (_state(P.OPEN, I.IDENTIFIED), E.ENDED): _state(P.ENDED, I.IDENTIFIED),
        (_state(P.SCANNING, I.IDENTIFIED), E.CAPTURED): _state(P.SCANNING, I.IDENTIFIED),
        (_state(P.SCANNING, I.IDENTIFIED), E.ENDED): _state(P.ENDED, I.IDENTIFIED),
        (_state(P.ENDED, I.IDENTIFIED), E.CAPTURED): _state(P.ENDED, I.IDENTIFIED),
        (_state(P.ENDED, I.IDENTIFIED), E.REOPENED): _state(P.SCANNING, I.IDENTIFIED),
        (_state(P.ENDED, I.IDENTIFIED), E.CORRECTED): _state(P.ENDED, I.CORRECTED),
        (_state(P.ENDED, I.CORRECTED), E.CAPTURED): _state(P.ENDED, I.CORRECTED),
        (_state(P.ENDED, I.CORRECTED), E.CORRECTED): _state(P.ENDED, I.CORRECTED),
        (_state(P.ENDED, I.CORRECTED), E.REJECTION_IGNORED): _state(P.ENDED, I.CORRECTED),
    }
)
del P, I, E
STATES = tuple(_state(progress, identity) for progress in Progress for identity in Identity)


def opened(*, identified: bool) -> ExamState:
    """The state of a new exam."""
    return _state(Progress.OPEN, Identity.IDENTIFIED if identified else Identity.UNIDENTIFIED)


def after(state: ExamState, event: ExamEvent) -> ExamState:
    """The state that `event` leads to.

    Raises IllegalTransition where the table has no row.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"an exam that is {state} cannot take {event}") from None

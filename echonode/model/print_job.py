"""A print job: pictures of a study on films of one printer, and the states it goes through.

A film that was printed stays printed: a job that is interrupted goes on with the next film. A film
that was under way then may come out twice, never not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from echonode.errors import IllegalTransition


class PrintState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"  # for its turn, or until the printer can
    PRINTING = "printing"
    PRINTED = "printed"
    HELD = "held"  # the printer will not; a person must act
    CANCELLED = "cancelled"


class PrintEvent(StrEnum):
    """What happens to a job."""

    BEGIN = "begin"
    FINISH = "finish"  # its last film is printed
    POSTPONE = "postpone"  # the printer cannot now
    HOLD = "hold"
    INTERRUPTED = "interrupted"  # the node ended while it printed
    RETRY = "retry"
    CANCEL = "cancel"


S, E = PrintState, PrintEvent
TRANSITIONS: MappingProxyType[tuple[PrintState, PrintEvent], PrintState] = MappingProxyType(
    {
        (S.WAITING, E.BEGIN): S.PRINTING,
        (S.PRINTING, E.FINISH): S.PRINTED,
        (S.PRINTING, E.POSTPONE): S.WAITING,
        (S.PRINTING, E.HOLD): S.HELD,
        (S.PRINTING, E.INTERRUPTED): S.WAITING,
        (S.WAITING, E.RETRY): S.WAITING,
        (S.HELD, E.RETRY): S.WAITING,
        (S.WAITING, E.CANCEL): S.CANCELLED,
        (S.HELD, E.CANCEL): S.CANCELLED,
    }
)
del S, E


def after(state: PrintState, event: PrintEvent) -> PrintState:
    """The state that `event` leads to. Raises IllegalTransition where the table has no row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a print job that is {state} cannot take {event}") from None


@dataclass(frozen=True, kw_only=True)
class NewPrintJob:
    """What a person asks for. pictures: (SOP Instance UID, frame from 1 on), in order."""

    printer: str
    study_instance_uid: str
    pictures: Sequence[tuple[str, int]]
    layout: str
    copies: int
    films: int
    made_at: datetime
    made_by: str


@dataclass(frozen=True, kw_only=True)
class PrintJob:
    """One, as the store has it. films_done: printed so far, of `films`."""

    id: int
    job: NewPrintJob
    state: PrintState
    films_done: int
    attempts: int
    next_attempt_at: datetime | None
    last_error: str
    ended_at: datetime | None

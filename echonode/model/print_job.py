"""A print job: pictures of a study on films of one printer, and the states it goes through.

Rules
- A film that was printed stays printed: a job that is interrupted goes on with the next film.
- That a film is given to the printer (N-ACTION) is written down before it is. Where no answer is
  written down after it, the node does not know whether it came out: the job is `unknown`, and a
  person says whether it did. It is never printed again by itself, and never left out by itself.
- The printer cannot be asked: the UID by which a Print Job answers (PS3.4 H.4.5) is in the answer
  to N-ACTION, and nowhere else.
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
    UNKNOWN = (
        "unknown"  # a film was given to the printer, and no answer is known; a person must act
    )
    CANCELLED = "cancelled"


class PrintEvent(StrEnum):
    """What happens to a job."""

    BEGIN = "begin"
    FINISH = "finish"  # its last film is printed
    POSTPONE = "postpone"  # the printer cannot now
    HOLD = "hold"
    INTERRUPTED = "interrupted"  # the node ended while it printed, with no film at the printer
    UNANSWERED = "unanswered"  # a film was given to the printer, and no answer is known
    RETRY = "retry"  # what is in doubt is printed again
    CAME_OUT = "came_out"  # what was in doubt is printed
    CANCEL = "cancel"


S, E = PrintState, PrintEvent
TRANSITIONS: MappingProxyType[tuple[PrintState, PrintEvent], PrintState] = MappingProxyType(
    {
        (S.WAITING, E.BEGIN): S.PRINTING,
        (S.PRINTING, E.FINISH): S.PRINTED,
        (S.PRINTING, E.POSTPONE): S.WAITING,
        (S.PRINTING, E.HOLD): S.HELD,
        (S.PRINTING, E.INTERRUPTED): S.WAITING,
        (S.PRINTING, E.UNANSWERED): S.UNKNOWN,
        (S.UNKNOWN, E.RETRY): S.WAITING,
        (S.UNKNOWN, E.CAME_OUT): S.WAITING,
        (S.UNKNOWN, E.FINISH): S.PRINTED,  # the last film came out
        (S.UNKNOWN, E.CANCEL): S.CANCELLED,
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
    """One, as the store has it. films_done: printed so far, of `films`; films_sent: given to the
    printer so far, by one more where no answer is known.
    """

    id: int
    job: NewPrintJob
    state: PrintState
    films_done: int
    films_sent: int
    attempts: int
    next_attempt_at: datetime | None
    last_error: str
    ended_at: datetime | None

    @property
    def film_in_doubt(self) -> int | None:
        """The film, from 1 on, that was given to the printer without a known answer."""
        return self.films_sent if self.films_sent > self.films_done else None

"""What each answer to a C-STORE means for a delivery: a table, adjustable per destination.

Rules
- A row is named by a pattern of four hexadecimal digits in which `x` is any digit. The pattern
  with the fewest `x` decides, so `A702` may have another rule than the rest of `A7xx`.
- Only 0000 and the warnings say that the archive has the instance. A status that is not in the
  table says nothing, and the same bytes are sent again: that is harmless, a loss is not.

Statuses of the service: PS3.4 table B.2-1; of any DIMSE service: PS3.7 annex C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from echonode.model import status as codes

_MINUTE_S, _HOUR_S = 60.0, 3600.0


class Treatment(StrEnum):
    """What becomes of the delivery; failures are counted per treatment."""

    STORED = "stored"
    PERHAPS_STORED = "perhaps_stored"  # commitment shows whether it was
    PAUSE_DESTINATION = "pause_destination"  # not the instance's fault
    RETRY_THEN_HOLD = "retry_then_hold"
    OTHER_CONTEXT = "other_context"  # another transfer syntax once, then hold
    HOLD = "hold"  # no repetition can help
    RESEND = "resend"  # nothing is known: it may have been stored


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The treatment of a status.

    meaning: for the operator, without anything from the wire.
    retry_delays_s: RETRY_THEN_HOLD waits these before each repetition, then holds.
    alarm: inform the operator at the first time, not only when the delivery is held.
    wait_s: the archive asks for so long a pause at least.
    """

    treatment: Treatment
    meaning: str
    retry_delays_s: tuple[float, ...] = ()
    alarm: bool = False
    wait_s: float = 0.0


def _stored(meaning: str) -> Verdict:
    return Verdict(treatment=Treatment.STORED, meaning=meaning)


def _other_context(meaning: str) -> Verdict:
    return Verdict(treatment=Treatment.OTHER_CONTEXT, meaning=meaning, alarm=True)


def _hold(meaning: str) -> Verdict:
    return Verdict(treatment=Treatment.HOLD, meaning=meaning, alarm=True)


def _pattern(code: int) -> str:
    """The pattern of a code as PS3.4 B.2.3 or PS3.7 annex C lists it; of a range's first too."""
    row = codes.look_up(code, codes.STORAGE)
    assert row is not None
    return row.pattern


ROWS: Mapping[str, Verdict] = MappingProxyType(
    {
        _pattern(codes.SUCCESS): _stored("stored"),
        # PS3.4 B.2.3: the three warnings of the service.
        _pattern(codes.ELEMENTS_COERCED): _stored(
            "stored, the archive changed attributes of its copy"
        ),
        _pattern(codes.ELEMENTS_DISCARDED): _stored("stored, the archive left attributes out"),
        _pattern(codes.STORED_WITHOUT_MATCHING_SOP_CLASS): _stored(
            "stored, does not match its SOP class"
        ),
        # PS3.7 C.5.7: a duplicate may be this instance or another with its UID.
        _pattern(codes.DUPLICATE_SOP_INSTANCE): Verdict(
            treatment=Treatment.PERHAPS_STORED,
            meaning="the archive says that it already has this instance",
        ),
        _pattern(codes.OUT_OF_RESOURCES): Verdict(
            treatment=Treatment.PAUSE_DESTINATION, meaning="the archive is out of resources"
        ),
        # PS3.7 C.4.1: what the operator of the archive has to permit.
        _pattern(codes.NOT_AUTHORISED): Verdict(
            treatment=Treatment.PAUSE_DESTINATION,
            meaning="the archive does not authorise us to store",
            alarm=True,
        ),
        _pattern(codes.PROCESSING_FAILURE): Verdict(
            treatment=Treatment.RETRY_THEN_HOLD,
            meaning="the archive failed to process the instance",
            retry_delays_s=(30, _MINUTE_S, 2 * _MINUTE_S, 4 * _MINUTE_S, 8 * _MINUTE_S),
        ),
        # Three attempts over a day: archives built on pynetdicom answer C211 to any error of their
        # own, a full disk included, so the first answer proves little.
        _pattern(codes.CANNOT_UNDERSTAND): Verdict(
            treatment=Treatment.RETRY_THEN_HOLD,
            meaning="the archive cannot understand the instance",
            retry_delays_s=(_HOUR_S, 23 * _HOUR_S),
        ),
        _pattern(codes.SOP_CLASS_NOT_SUPPORTED): _other_context(
            "the archive does not support the SOP class"
        ),
        _pattern(codes.NO_SUCH_SOP_INSTANCE): _other_context(
            "the archive knows no such SOP instance"
        ),
        # Of the range Cxxx; some archives put the code for the SOP class into it.
        "C122": _other_context("the archive does not support the SOP class"),
        _pattern(codes.DATASET_DOES_NOT_MATCH_SOP_CLASS): _hold(
            "the data set does not match its SOP class"
        ),
        # PS3.7 C.5.10: the UID itself is refused.
        _pattern(codes.INVALID_SOP_INSTANCE): _hold("the archive refuses the SOP Instance UID"),
    }
)

UNKNOWN = Verdict(
    treatment=Treatment.RESEND, meaning="the archive answered with a status that is not known"
)
# PS3.7 9.1.1.1.5: the SOP Instance UID of an answer is that of its request.
MISNAMED = Verdict(
    treatment=Treatment.RESEND,
    meaning="the archive's answer names another SOP instance than was sent",
    alarm=True,
)


class StatusTable:
    """The rows as one destination has them."""

    def __init__(self, overrides: Mapping[str, Verdict] | None = None) -> None:
        """`overrides`: pattern -> verdict, replacing or refining ROWS. ValueError: no pattern."""
        self._rows = {_checked(p): verdict for p, verdict in {**ROWS, **(overrides or {})}.items()}

    def verdict(self, status: int) -> Verdict:
        """The verdict of the narrowest pattern that covers `status`; UNKNOWN where none does."""
        digits = f"{status:04X}"
        # From the narrowest on: 0124, 012x, 01xx, 0xxx.
        for kept in range(len(digits), 0, -1):
            pattern = digits[:kept] + "x" * (len(digits) - kept)
            if pattern in self._rows:
                return self._rows[pattern]
        return UNKNOWN


def _checked(pattern: str) -> str:
    digits = pattern.rstrip("x")
    if len(pattern) != 4 or not digits or any(c not in "0123456789ABCDEF" for c in digits):
        raise ValueError(f"not a status pattern like A702, A7xx or Cxxx: {pattern!r}")
    return pattern

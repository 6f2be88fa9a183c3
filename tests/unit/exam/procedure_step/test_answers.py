"""What each status means, message by message."""

from __future__ import annotations

import pytest

from echonode.exam.procedure_step.answers import MOST_FAILURES, PAUSES_S, Outcome, judged, pause_s
from echonode.model.procedure_step import StepMessage
from tests.unit.exam.worklist.scripted_ris import RIS

CREATE, FINAL = StepMessage.CREATE, StepMessage.FINAL
OK, RETRY, AGAIN, UP = (
    Outcome.ACKNOWLEDGED,
    Outcome.RETRY,
    Outcome.BEGIN_AGAIN,
    Outcome.GIVEN_UP,
)


@pytest.mark.parametrize(
    ("message", "status", "attempts", "unseen", "outcome"),
    [
        (CREATE, 0x0000, 1, False, OK),
        (FINAL, 0x0000, 1, False, OK),
        (CREATE, 0x0107, 1, False, OK),  # attribute list warning
        (CREATE, 0x0116, 1, False, OK),  # value out of range, a warning
        (FINAL, 0xB305, 1, False, OK),
        (CREATE, 0x0111, 1, False, OK),  # it had arrived before we were killed
        (FINAL, 0x0111, 1, False, UP),  # no status of an N-SET
        (FINAL, 0x0110, 2, True, OK),  # the first had arrived: the step is over there
        (FINAL, 0x0110, 2, False, RETRY),
        (CREATE, 0x0110, 2, True, RETRY),
        (CREATE, 0x0110, MOST_FAILURES, False, UP),
        (CREATE, 0x0213, 1000, False, RETRY),
        (FINAL, 0x0112, 1, False, AGAIN),  # the peer has lost it
        (FINAL, 0x0112, 3, False, UP),
        (CREATE, 0x0112, 1, False, UP),
        (CREATE, 0x0106, 1, False, UP),
        (CREATE, 0x0120, 1, False, UP),
        (CREATE, 0x0122, 1, False, UP),
        (CREATE, 0x0124, 1, False, UP),
        (CREATE, 0xC000, 1, False, UP),
    ],
)
def test_each_status_has_its_outcome(
    message: StepMessage, status: int, attempts: int, unseen: bool, outcome: Outcome
) -> None:
    """What waiting cannot cure is given up, and says what to do."""
    verdict = judged(message, status, attempts=attempts, unseen_before=unseen, peer=RIS)
    assert verdict.outcome is outcome
    if outcome is not OK:
        assert f"{status:04X}" in verdict.reason
        assert bool(verdict.remedy) == (outcome is UP)
        assert (verdict.pause_s > 0) == (outcome is not UP)


def test_pauses_grow_to_an_hour() -> None:
    """And stay there."""
    assert [pause_s(n) for n in (0, 1, 2, 5, 99)] == [
        PAUSES_S[0],
        PAUSES_S[0],
        PAUSES_S[1],
        3600.0,
        3600.0,
    ]

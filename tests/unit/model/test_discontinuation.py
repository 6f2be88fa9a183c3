"""Why an exam was given up, by its history."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydicom.sr.codedict import codes

from echonode.errors import FieldRefused
from echonode.model.discontinuation import REASONS, discontinuation, reason_of
from echonode.model.exam import ExamEventRecord
from echonode.model.exam_state import ExamEvent, Identity, Progress, opened

ENDED, REOPENED = ExamEvent.ENDED, ExamEvent.REOPENED


@pytest.mark.parametrize("value", REASONS)
def test_every_reason_is_the_standards(value: str) -> None:
    """Code and meaning as pydicom's copy of PS3.16 CID 9300 has them."""
    listed = {code.value: code.meaning for code in (getattr(codes.cid9300, n) for n in NAMES)}
    assert listed[value] == REASONS[value].meaning


NAMES = codes.cid9300.dir()


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], None),
        ([(ENDED, "")], None),
        ([(ENDED, '{"discontinued": "110505"}')], "110505"),
        ([(ENDED, '{"discontinued": "110505"}'), (REOPENED, "")], None),
        ([(ENDED, '{"discontinued": "110505"}'), (REOPENED, ""), (ENDED, "")], None),
        ([(ENDED, '{"discontinued": "110505"}'), (ExamEvent.IDENTIFIED, "")], "110505"),
        ([(ENDED, '{"by": "probe"}')], None),
        ([(ENDED, '{"discontinued": "1"}')], None),
    ],
)
def test_how_it_ended_last_is_what_counts(
    history: list[tuple[ExamEvent, str]], expected: str | None
) -> None:
    """Whatever came between."""
    state = opened(identified=True)
    assert (state.progress, state.identity) == (Progress.OPEN, Identity.IDENTIFIED)
    records = [
        ExamEventRecord(at=datetime.now(UTC), event=event.value, state=state, detail=detail)
        for event, detail in history
    ]
    found = discontinuation(records)
    assert (found.value if found else None) == expected


@pytest.mark.parametrize("value", ["", "110517", "patient refused", "110505 "])
def test_another_reason_is_refused_with_those_that_there_are(value: str) -> None:
    """The field, and what may be given."""
    with pytest.raises(FieldRefused) as refused:
        reason_of(value)
    assert refused.value.field == "reason"
    assert "110505" in refused.value.remedy

"""An exam's facts are sound before any object is built from them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from echonode.model.exam import ExamFacts
from tests.unit.objects.acquisitions import exam


def test_a_study_is_named_by_a_uid() -> None:
    """A study that could not be stored anywhere is refused where it is made."""
    with pytest.raises(ValueError, match="UID"):
        exam(study_instance_uid="study 1")


@pytest.mark.parametrize("field", ["started_at", "series_started_at"])
def test_moments_know_their_zone(field: str) -> None:
    """A time without a zone could be any of two dozen."""
    naive = datetime(2026, 11, 20, 8, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        exam(**{field: naive})  # type: ignore[arg-type]  # the one keyword that is a moment


def test_an_exam_needs_no_more_than_a_study_and_a_patient() -> None:
    """All else may be unknown."""
    facts: ExamFacts = exam()
    assert (facts.accession_number, facts.referring_physician_name) == ("", "")
    assert facts.series_number == 1

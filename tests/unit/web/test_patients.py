"""Patients seen before, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from echonode.web.patients import LONGEST_TEXT, patient_routes
from tests.unit.web.conftest import Serve
from tests.unit.web.test_exams import post


def erase(patient_id: str, *, by: str) -> dict[str, Any]:
    return {"number": 1, "done": True, "erased": {"asked": patient_id}, "by": by}


def test_a_patient_is_offered_by_what_was_typed_so_far(serve: Serve) -> None:
    """In the body: a name in a path would be logged."""
    asked: list[str] = []

    def search(text: str) -> dict[str, Any]:
        asked.append(text)
        return {"patients": [{"id": "P1"}], "more": False}

    browser = serve(patient_routes(search, erase))
    assert post(browser, "/api/patients/search", {"text": "mül"}) == (
        200,
        {"patients": [{"id": "P1"}], "more": False},
    )
    assert asked == ["mül"]


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": 7}, {"text": "x" * (LONGEST_TEXT + 1)}]
)
def test_what_is_no_search_is_refused(serve: Serve, body: dict[str, object]) -> None:
    """With the field named."""
    browser = serve(patient_routes(lambda _: {}, erase))
    status, answered = post(browser, "/api/patients/search", body)
    assert (status, answered["field"]) == (400, "text")


def test_an_erasure_has_its_number_in_the_body(serve: Serve) -> None:
    """And nothing else."""
    browser = serve(patient_routes(lambda _: {}, erase))
    status, answered = post(browser, "/api/patients/erase", {"patient_id": "P1"})
    assert (status, answered["erased"]) == (200, {"asked": "P1"})
    assert post(browser, "/api/patients/erase", {"patient_id": "P1", "yes": 1})[0] == 400
    assert post(browser, "/api/patients/erase", {})[0] == 400

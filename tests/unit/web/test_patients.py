"""Patients seen before, over HTTP."""

from __future__ import annotations

import http.client
import json
from io import BytesIO
from typing import IO, Any

import pytest

from echonode.errors import UsageError
from echonode.web.patients import LONGEST_TEXT, patient_routes
from tests.support.waiting import wait_until
from tests.unit.web.conftest import Serve
from tests.unit.web.test_exams import post


class Held:
    """One patient; `files` are the exports that were given out."""

    def __init__(self) -> None:
        self.files: list[IO[bytes]] = []

    def held(self, patient_id: str) -> dict[str, Any]:
        return {"names": [patient_id], "images": 2, "records": {}, "reasons": ["an exam is open"]}

    def export(self, patient_id: str) -> tuple[int, IO[bytes]]:
        if patient_id != "P1":
            raise UsageError("nothing is held of a patient with this number")
        file = BytesIO(b"zip" * 1000)
        self.files.append(file)
        return 3000, file

    def erase(self, patient_id: str, *, by: str) -> dict[str, Any]:
        return {"number": 1, "done": True, "erased": {"asked": patient_id}, "by": by}


def test_a_patient_is_offered_by_what_was_typed_so_far(serve: Serve) -> None:
    """In the body: a name in a path would be logged."""
    asked: list[str] = []

    def search(text: str) -> dict[str, Any]:
        asked.append(text)
        return {"patients": [{"id": "P1"}], "more": False}

    browser = serve(patient_routes(search, Held()))
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
    browser = serve(patient_routes(lambda _: {}, Held()))
    status, answered = post(browser, "/api/patients/search", body)
    assert (status, answered["field"]) == (400, "text")


def test_an_erasure_has_its_number_in_the_body(serve: Serve) -> None:
    """And nothing else."""
    browser = serve(patient_routes(lambda _: {}, Held()))
    status, answered = post(browser, "/api/patients/erase", {"patient_id": "P1"})
    assert (status, answered["erased"]) == (200, {"asked": "P1"})
    assert post(browser, "/api/patients/erase", {"patient_id": "P1", "yes": 1})[0] == 400
    assert post(browser, "/api/patients/erase", {})[0] == 400


def test_what_is_held_is_said_before_it_is_erased(serve: Serve) -> None:
    """With the reasons why it cannot be erased now."""
    browser = serve(patient_routes(lambda _: {}, Held()))
    status, answered = post(browser, "/api/patients/held", {"patient_id": "P1"})
    assert (status, answered["images"], answered["reasons"]) == (200, 2, ["an exam is open"])
    assert post(browser, "/api/patients/held", {"id": "P1"})[0] == 400


def test_an_export_is_a_file_without_the_patients_name(serve: Serve) -> None:
    """Whole, with its size for the progress; one at a time, and closed at its end."""
    data = Held()
    browser = serve(patient_routes(lambda _: {}, data))
    assert post(browser, "/api/patients/export", {"patient_id": "P2"})[0] == 404
    connection = http.client.HTTPConnection(*browser.server.address, timeout=20)
    connection.request("POST", "/api/patients/export", json.dumps({"patient_id": "P1"}))
    answer = connection.getresponse()
    assert answer.getheader("Content-Length") == "3000"
    assert answer.getheader("Content-Disposition") == 'attachment; filename="patient.zip"'
    assert answer.read() == b"zip" * 1000
    connection.close()
    wait_until(lambda: data.files[0].closed, "the file is closed")


def test_a_second_export_waits_for_the_first(serve: Serve) -> None:
    """Each is a copy of all images on this disk."""
    data = Held()
    browser = serve(patient_routes(lambda _: {}, data))
    within: list[int] = []

    def export(patient_id: str) -> tuple[int, IO[bytes]]:
        if not within:
            within.append(post(browser, "/api/patients/export", {"patient_id": "P1"})[0])
        return Held.export(data, patient_id)

    data.export = export  # type: ignore[method-assign]
    connection = http.client.HTTPConnection(*browser.server.address, timeout=20)
    connection.request("POST", "/api/patients/export", json.dumps({"patient_id": "P1"}))
    assert connection.getresponse().read() == b"zip" * 1000
    connection.close()
    assert within == [409]

"""Exams over HTTP: from this machine only, each wrong field named, each refusal a status."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from echonode.errors import (
    CaptureRefused,
    Doubtful,
    FieldRefused,
    IllegalTransition,
    InvalidObject,
    OperatorRefused,
    OutOfSpace,
    UsageError,
)
from echonode.web.exams import exam_routes
from tests.unit.web.conftest import Browser, Serve
from tests.unit.web.fake_exams import FakeApi

PATIENT = {"id": "P1", "name": "Doe^Jane"}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def browser(serve: Serve, api: FakeApi) -> Browser:
    return serve(exam_routes(api))


def post(browser: Browser, path: str, body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*browser.server.address, timeout=10)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        connection.request("POST", path, data)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_an_exam_is_opened_and_answered_with_its_study(browser: Browser, api: FakeApi) -> None:
    """201 with id and Study Instance UID; from the worklist, with a patient, or without."""
    for whose in ({"worklist_item": "abc"}, {"patient": PATIENT}, {}):
        status, body = post(browser, "/api/exams", {"probe": "hand", **whose})
        assert (status, body) == (201, {"id": "E00000001", "study_instance_uid": "1.2"})
    assert [given["worklist_item"] for _, given in api.asked] == ["abc", "", ""]
    assert [given["patient"] for _, given in api.asked] == [None, PATIENT, None]
    assert not any(given["on_request"] for _, given in api.asked)


def test_an_exam_may_take_captures_on_request_alone(browser: Browser, api: FakeApi) -> None:
    """Said when it is opened; true or false, and nothing else."""
    assert post(browser, "/api/exams", {"probe": "hand", "on_request": True})[0] == 201
    assert api.asked[-1][1]["on_request"] is True
    status, body = post(browser, "/api/exams", {"probe": "hand", "on_request": "yes"})
    assert (status, body["field"]) == (400, "on_request")


def test_a_clip_of_the_past_may_end_with_a_frame_of_a_freeze(
    browser: Browser, api: FakeApi
) -> None:
    """One from now has no frames of the past."""
    wanted = {"seconds": 2, "last_sequence": 7, "freeze": "f1"}
    assert post(browser, "/api/exams/E1/clips", wanted)[0] == 201
    assert api.asked[-1][1]["last_sequence"] == 7
    for field in ("last_sequence", "freeze"):
        sent = {"seconds": 2, "from": "now", field: wanted[field]}
        status, body = post(browser, "/api/exams/E1/clips", sent)
        assert (status, body["field"]) == (400, field)


def test_a_freeze_is_made_looked_at_and_ended(browser: Browser, api: FakeApi) -> None:
    """Its frames are JPEG; a frame is named by its number."""
    assert post(browser, "/api/exams/E1/freeze")[0] == 201
    picture = browser.ask("/api/exams/E1/freeze/f1/frames/7")
    assert (picture.status, picture.headers["content-type"]) == (200, "image/jpeg")
    assert browser.ask("/api/exams/E1/freeze/f1/frames/-7").status == 404
    assert browser.ask("/api/exams/E1/freeze/f1", method="DELETE").status == 200
    assert [name for name, _ in api.asked] == ["freeze", "frozen_picture", "unfreeze"]


def test_captures_are_answered_with_their_uids(browser: Browser, api: FakeApi) -> None:
    """A still of a frame by its number, a clip of the past or from now."""
    assert post(browser, "/api/exams/E1/stills", {"sequence": 42}) == (
        201,
        {"sop_instance_uid": "1.2.3", "sop_instance_uids": ["1.2.3"]},
    )
    status, body = post(browser, "/api/exams/E1/clips", {"seconds": 2.5, "from": "now"})
    assert (status, body["sop_instance_uids"]) == (201, ["1.2.4", "1.2.5"])
    assert api.asked == [
        ("still", {"exam_id": "E1", "sequence": 42, "freeze": ""}),
        (
            "clip",
            {
                "exam_id": "E1",
                "seconds": 2.5,
                "past": False,
                "last_sequence": None,
                "freeze": "",
            },
        ),
    ]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("", {}, "probe"),
        ("", {"probe": 7}, "probe"),
        ("", {"probe": "hand", "patient": "Jane"}, "patient"),
        ("", {"probe": "hand", "patient": PATIENT, "worklist_item": "abc"}, "patient"),
        ("", {"probe": "hand", "colour": "red"}, "colour"),
        ("", b"[]", "body"),
        ("", b"{", "body"),
        ("", b"[" * 40_000, "body"),
        ("", b" " * 70_000, "body"),
        ("/E1/stills", {"sequence": -1}, "sequence"),
        ("/E1/stills", {"sequence": True}, "sequence"),
        ("/E1/stills", {"sequence": 1.5}, "sequence"),
        ("/E1/clips", {}, "seconds"),
        ("/E1/clips", {"seconds": 601}, "seconds"),
        ("/E1/clips", {"seconds": 0}, "seconds"),
        ("/E1/clips", b'{"seconds": NaN}', "seconds"),
        ("/E1/clips", {"seconds": 3, "from": "then"}, "from"),
        ("/E1/identify", {}, "patient"),
        ("/E1/identify", {"patient": PATIENT, "confirmed": 1}, "confirmed"),
        ("/E1/correct", {}, "reason"),
        ("/E1/correct", {"reason": "quality", "instances": []}, "instances"),
        ("/E1/correct", {"reason": "quality", "instances": "1.2"}, "instances"),
        ("/E1/end", {"now": True}, "now"),
        ("/E1/discontinue", {}, "reason"),
        ("/E1/discontinue", {"reason": 110505}, "reason"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_done(
    browser: Browser, api: FakeApi, path: str, body: object, field: str
) -> None:
    """400 with the field and what to do."""
    status, answered = post(browser, f"/api/exams{path}", body)
    assert (status, answered["field"]) == (400, field)
    assert answered["error"]
    assert answered["remedy"]
    assert api.asked == []


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (FieldRefused("patient.sex", "is none of M, F and O", "leave it out"), 400),
        (UsageError("there is no exam E1"), 404),
        (OperatorRefused("the probe has an exam"), 409),
        (IllegalTransition("it has ended"), 409),
        (CaptureRefused("no frame has come yet"), 409),
        (InvalidObject("PatientName"), 422),
        (OutOfSpace("the disk is full"), 503),
    ],
)
def test_each_refusal_has_its_status(
    browser: Browser, api: FakeApi, failure: Exception, status: int
) -> None:
    """And says why, in words."""
    api.fails = failure
    answered, body = post(browser, "/api/exams/E1/end")
    assert (answered, body["error"]) == (status, str(failure))


def test_an_exam_is_given_up_with_a_reason(browser: Browser, api: FakeApi) -> None:
    """A code value of PS3.16 CID 9300."""
    status, _ = post(browser, "/api/exams/E1/discontinue", {"reason": "110505"})
    assert status == 200
    assert api.asked == [("discontinue", {"exam_id": "E1", "reason": "110505"})]


def test_a_doubtful_patient_is_answered_with_the_candidates(browser: Browser, api: FakeApi) -> None:
    """409: a person chooses."""
    api.fails = Doubtful("who?", [{"id": "abc", "patient_id": "P1"}])
    status, body = post(browser, "/api/exams/E1/identify", {"patient": PATIENT})
    assert (status, body["candidates"]) == (409, [{"id": "abc", "patient_id": "P1"}])


def test_lists_are_read(browser: Browser, api: FakeApi) -> None:
    """The exams, those that are open, one of them, and the worklist with its age."""
    assert browser.ask("/api/exams?open=true").json()[0]["id"] == "E00000001"
    assert browser.ask("/api/exams/E1").status == 200
    assert browser.ask("/api/worklist").json() == {"age_s": 1.5, "items": []}
    browser.ask("/api/worklist?all=true")
    assert [given for _, given in api.asked] == [
        {"only_open": True},
        {"exam_id": "E1"},
        {"everything": False},
        {"everything": True},
    ]


def test_patients_are_not_shown_to_another_site(browser: Browser) -> None:
    """A page of elsewhere cannot open an exam through this machine's browser."""
    answer = browser.ask("/api/exams", method="POST", origin="http://evil.example")
    assert answer.status == 403

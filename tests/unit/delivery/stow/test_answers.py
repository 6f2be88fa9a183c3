"""What an answer says of one instance, as servers really answer."""

from __future__ import annotations

import json

import pytest

from echonode.delivery.stow.answers import names_instance, store_response

UID, OTHER = "1.2.3", "1.2.4"


def item(uid: str | None, **reasons: object) -> dict[str, object]:
    found: dict[str, object] = {}
    if uid is not None:
        found["00081155"] = {"vr": "UI", "Value": [uid]}
    for name, value in reasons.items():
        tag = {"failure": "00081197", "warning": "00081196"}[name]
        found[tag] = {"vr": "US", "Value": [value]}
    return found


def body(*, stored: list[object] | None = None, failed: list[object] | None = None) -> bytes:
    answer: dict[str, object] = {"00081190": {"vr": "UR"}}
    if stored is not None:
        answer["00081199"] = {"vr": "SQ", "Value": stored}
    if failed is not None:
        answer["00081198"] = {"vr": "SQ", "Value": failed}
    return json.dumps(answer).encode()


@pytest.mark.parametrize("http_status", [200, 202, 409])
def test_what_is_said_of_the_instance_counts_more_than_the_http_status(http_status: int) -> None:
    """A server that answers 200 and lists the instance as failed has not stored it."""
    failed = store_response(http_status, body(failed=[item(UID, failure=0xA700)]), UID)
    assert (failed.about_instance, failed.http_status) == (0xA700, None)
    stored = store_response(http_status, body(stored=[item(UID)]), UID)
    assert stored.about_instance == 0


def test_a_warning_reason_is_the_status_of_the_success() -> None:
    """B000 and its like, as of C-STORE; another code is ignored."""
    assert store_response(202, body(stored=[item(UID, warning=0xB006)]), UID).status == 0xB006
    assert store_response(200, body(stored=[item(UID, warning=7)]), UID).status == 0
    assert store_response(200, body(stored=[item(UID, warning="45056")]), UID).status == 0xB000


@pytest.mark.parametrize("reason", [None, 0, 0xB000, "text", 70000, True, {}])
def test_a_failure_without_a_failure_reason_is_a_processing_failure(reason: object) -> None:
    """A failed instance is never taken for stored."""
    assert store_response(200, body(failed=[item(UID, failure=reason)]), UID).status == 0x0110


def test_the_instances_own_entry_counts_in_a_mixed_answer() -> None:
    """409 or 202, some stored and some not."""
    mixed = body(stored=[item(OTHER)], failed=[item(OTHER, failure=1), item(UID, failure=0x0122)])
    assert store_response(409, mixed, UID).about_instance == 0x0122


def test_a_failure_that_names_no_instance_is_of_the_one_that_was_sent() -> None:
    """Servers that could not read it do not know its UID."""
    assert store_response(409, body(failed=[item(None, failure=0xC000)]), UID).status == 0xC000


def test_an_answer_about_others_only_says_nothing() -> None:
    """It is sent again, and nothing is deleted for it."""
    response = store_response(200, body(stored=[item(OTHER)]), UID)
    assert response.names_another
    assert response.about_instance is None


@pytest.mark.parametrize(
    "answer",
    [b"", b"{}", b"<xml/>", b"[" * 100_000, b"[]", b'{"00081199": {"Value": 3}}', b"\xff\xfe"],
)
def test_without_an_entry_the_http_status_decides(answer: bytes) -> None:
    """Whatever the body is, nothing crashes."""
    response = store_response(413, answer, UID, wait_s=3.0)
    assert (response.http_status, response.wait_s) == (413, 3.0)
    assert response.about_instance is None


def test_a_query_finds_only_the_instance_that_was_asked_for() -> None:
    """A server that ignores the key answers with others."""
    ours = json.dumps([{"00080018": {"vr": "UI", "Value": [UID]}}]).encode()
    assert names_instance(ours, UID) is True
    assert names_instance(ours, OTHER) is False
    assert names_instance(b"", UID) is False  # 204
    assert names_instance(b"[]", UID) is False
    assert names_instance(b"[3]", UID) is False
    assert names_instance(b"<html>", UID) is None

"""Accesses in the log: once for each look, each time for a change, and nothing a caller made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from echonode.access.events import PatientDataAccess
from echonode.access.repetition import AGAIN_S, MOST
from echonode.access.route_table import DataKind
from echonode.node.access_log import AccessLog, Told
from tests.unit.access.test_events import ACCESS


def logged(*accesses: PatientDataAccess) -> list[dict[str, object]]:
    log = AccessLog()
    with structlog.testing.capture_logs() as entries:
        for access in accesses:
            log.accessed(access)
    return [dict(entry) for entry in entries]


def test_who_looks_at_a_clip_frame_by_frame_accesses_it_once() -> None:
    """And once more after five minutes."""
    later = replace(ACCESS, at=ACCESS.at + timedelta(seconds=AGAIN_S + 1))
    assert len(logged(*[ACCESS] * 50, later)) == 2


def test_each_user_each_exam_and_each_change_counts() -> None:
    """Only the same look again is left out."""
    other = replace(ACCESS, user="bob")
    change = replace(ACCESS, change=True, method="POST")
    assert len(logged(ACCESS, other, replace(ACCESS, uid="E00000002"), change, change)) == 5


def test_refusals_are_logged_and_a_strangers_flood_is_not() -> None:
    """A stranger may ask for any number of UIDs."""
    refused = [
        replace(ACCESS, user="", role=None, status=401, kind=DataKind.STUDY, uid=f"1.2.{n}")
        for n in range(100)
    ]
    assert len(logged(*refused)) == 1


def test_what_is_no_uid_is_not_logged() -> None:
    """Whatever a caller writes into a path."""
    [entry] = logged(replace(ACCESS, uid="Doe^Jane 1970"))
    assert entry["uid"] == ""
    assert "Doe" not in repr(entry)


@pytest.mark.slow
def test_the_memory_is_bounded() -> None:
    """After many others, the same is logged again."""
    many = [replace(ACCESS, uid=f"E{n:08d}") for n in range(MOST + 1)]
    assert len(logged(*many, many[0])) == MOST + 2


def test_a_subscriber_that_fails_keeps_none_from_the_access() -> None:
    """The answer was given; the failure is logged."""

    class Broken:
        def accessed(self, access: PatientDataAccess) -> None:
            raise RuntimeError("Doe^Jane")

    class Trail:
        def __init__(self) -> None:
            self.got: list[PatientDataAccess] = []

        def accessed(self, access: PatientDataAccess) -> None:
            self.got.append(access)

    trail = Trail()
    with structlog.testing.capture_logs() as entries:
        Told([Broken(), trail]).accessed(ACCESS)
    assert trail.got == [ACCESS]
    assert [entry["event"] for entry in entries] == ["access_event_lost"]

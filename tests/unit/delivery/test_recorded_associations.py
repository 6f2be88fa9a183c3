"""What was negotiated is on record, once each time it changes."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from echonode.delivery.recorded_associations import RecordedNegotiations
from echonode.dimse.contexts import COMMITMENT, VERIFICATION
from echonode.dimse.requested_association import RequestedAssociation
from echonode.errors import OutOfSpace, PeerUnreachable
from echonode.model.identity import Peer
from echonode.store.database.event_log import NewEvent
from tests.unit.store.samples import NOON

PACS = Peer(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=104, may=frozenset())


class Line:
    """Answers with what it is given: pairs that are accepted, or an error."""

    def __init__(self) -> None:
        self.answer: Any = frozenset()
        self.key_value: list[NewEvent] = []
        self.fail = False
        self.associate = RecordedNegotiations(self._open, add_event=self._note, now=lambda: NOON)

    def _open(self, peer: Peer, contexts: object) -> RequestedAssociation:
        if isinstance(self.answer, Exception):
            raise self.answer
        return cast(RequestedAssociation, SimpleNamespace(accepted=self.answer))

    def _note(self, event: NewEvent, *, now: datetime) -> None:
        if self.fail:
            raise OutOfSpace("full")
        self.key_value.append(event)


def test_what_was_refused_is_named() -> None:
    """Which class in which transfer syntax this archive does not take."""
    line = Line()
    line.answer = frozenset({(COMMITMENT.abstract_syntax, "1.2.840.10008.1.2")})
    line.associate(PACS, (COMMITMENT,))
    [add_event] = line.key_value
    assert (add_event.kind, add_event.destination) == ("association", "pacs")
    assert add_event.detail.startswith("1 of 2 contexts accepted; refused: 1.2.840.10008.1.20.1 in")


def test_an_archive_that_is_down_for_a_day_is_one_event() -> None:
    """The event is recorded again when the archive has been back meanwhile."""
    line = Line()
    answer: PeerUnreachable | frozenset[str]
    for answer in (
        PeerUnreachable("refused"),
        PeerUnreachable("refused"),
        frozenset(),
        frozenset(),
    ):
        line.answer = answer
        if isinstance(answer, Exception):
            with pytest.raises(PeerUnreachable):
                line.associate(PACS, (COMMITMENT,))
        else:
            line.associate(PACS, (COMMITMENT,))
    assert [add_event.kind for add_event in line.key_value] == ["no_association", "association"]


def test_a_record_that_cannot_be_kept_holds_up_no_delivery() -> None:
    """The disk is full: the association is had all the same."""
    line = Line()
    line.fail = True
    assert line.associate(PACS, (COMMITMENT,)).accepted == frozenset()


def test_a_call_that_only_asks_whether_it_is_there_is_no_event() -> None:
    """Every few minutes for years: what was negotiated for deliveries is not pushed out by it."""
    line = Line()
    line.associate(PACS, (VERIFICATION,))
    assert line.key_value == []

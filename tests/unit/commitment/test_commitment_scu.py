"""Asking archives to commit."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from echonode.commitment.commitment_scu import CommitmentSCU, random_transaction_uid
from echonode.errors import AssociationLost, ContextNotAccepted, IllegalTransition
from echonode.model.commitment import CommitmentRequest, TransactionEvent, TransactionState
from echonode.model.identity import CallBackAddress, is_valid_uid
from echonode.model.instance import DerivedCopy
from echonode.model.remedies import add_us
from tests.support.clock import START, Clock
from tests.support.log_recorder import Recorder
from tests.unit.commitment.doubles import (
    US_IMAGE,
    FakeTransactions,
    RequestAssociation,
    delivery_job,
    destination,
    referenced,
    transaction,
)

E = TransactionEvent
US = CallBackAddress(ae_title="ECHONODE", host="10.0.0.5", port=11112)


@pytest.fixture
def store() -> FakeTransactions:
    return FakeTransactions()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scu(store: FakeTransactions, clock: Clock) -> CommitmentSCU:
    numbers = iter(range(1, 1000))
    return CommitmentSCU(
        store=store,
        call_back=US,
        now=clock.now,
        random=lambda: 0.0,
        new_transaction_uid=lambda: f"2.25.{next(numbers)}",
        instances_per_transaction=2,
    )


def test_the_transaction_is_durable_before_it_is_asked_for(
    scu: CommitmentSCU, store: FakeTransactions, lines: Recorder
) -> None:
    """Row, then N-ACTION, then its answer: a report can never find an unknown transaction."""
    association = RequestAssociation(store)
    scu.request(association, destination(), [delivery_job(1), delivery_job(2)])
    assert store.happened == ["row", "N-ACTION", "accepted"]
    assert store.created == [("pacs", "2.25.1", [1, 2], "PACS")]
    (request,) = association.requests
    assert request.transaction_uid == "2.25.1"
    assert [i.sop_instance_uid for i in request.instances] == ["1.2.3.1", "1.2.3.2"]
    assert lines.named("commitment_requested")[0]["instances"] == 2


def test_a_lossy_copy_is_asked_for_by_its_own_uid(
    scu: CommitmentSCU, store: FakeTransactions, lines: Recorder
) -> None:
    """The archive knows nothing of the original; the transaction is still this delivery's."""
    copy = DerivedCopy(
        sop_class_uid=US_IMAGE,
        sop_instance_uid="2.25.7",
        transfer_syntax_uid="1.2.840.10008.1.2.4.50",
        dataset_sha256="c" * 64,
    )
    association = RequestAssociation(store)
    jobs = [delivery_job(1), replace(delivery_job(2), derived=copy)]
    scu.request(association, destination(), jobs)
    assert store.created == [("pacs", "2.25.1", [1, 2], "PACS")]
    (request,) = association.requests
    assert [i.sop_instance_uid for i in request.instances] == ["1.2.3.1", "2.25.7"]


def test_many_instances_are_asked_for_in_several_transactions(
    scu: CommitmentSCU, store: FakeTransactions, lines: Recorder
) -> None:
    """No request grows beyond what an archive can check in good time; each has its own UID."""
    association = RequestAssociation(store)
    scu.request(association, destination(), [delivery_job(n) for n in range(1, 6)])
    assert [jobs for _, _, jobs, _ in store.created] == [[1, 2], [3, 4], [5]]
    assert len({request.transaction_uid for request in association.requests}) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (0x0110, "0110"),
        (0x0122, "0122"),
        (0x0131, "0131"),
        (0x0213, "0213"),
        (ContextNotAccepted("none"), "no storage commitment"),
    ],
)
def test_a_refused_request_is_made_again_later(
    scu: CommitmentSCU,
    store: FakeTransactions,
    lines: Recorder,
    answer: int | Exception,
    reason: str,
) -> None:
    """Whatever the archive refuses with, its instances wait and are requested again."""
    scu.request(RequestAssociation(store, answer), destination(), [delivery_job(1, asked=1)])
    ((uid, event, due, error),) = store.events
    assert (uid, event, due) == ("2.25.1", E.REFUSED, START + timedelta(seconds=60))
    assert reason in error
    assert lines.named("commitment_failed")


def test_no_answer_to_the_request_is_passed_on_with_nothing_left_waiting(
    scu: CommitmentSCU, store: FakeTransactions, lines: Recorder
) -> None:
    """The worker learns that the association is gone; the transaction no longer waits."""
    with pytest.raises(AssociationLost):
        scu.request(
            RequestAssociation(store, AssociationLost("reset")), destination(), [delivery_job(1)]
        )
    assert [event for _, event, _, _ in store.events] == [E.REFUSED]


@pytest.mark.parametrize(
    "answer", [0x0110, 0xC000, AssociationLost("the association ended", by_peer=True)]
)
def test_an_archive_that_does_not_know_us_is_told_with_its_remedy(
    scu: CommitmentSCU,
    store: FakeTransactions,
    lines: Recorder,
    answer: int | Exception,
) -> None:
    """It takes images of any AE and commitment requests only of those it knows: ledger, log
    and status say where to enter which AE title, host and port, in preflight's words, until a
    request is taken."""
    remedy = add_us(destination().peer, US)
    with suppress(AssociationLost):
        scu.request(RequestAssociation(store, answer), destination(), [delivery_job(1)])
    ((_, _, _, ledger),) = store.events
    (line,) = lines.named("commitment_failed")
    assert remedy in ledger
    assert line["remedy"] == remedy
    assert (line["ae_title"], line["host"], line["port"]) == ("PACS", "127.0.0.1", 104)
    assert remedy in scu.problem_of("pacs")
    assert scu.problem_of("other") == ""
    scu.request(RequestAssociation(store), destination(), [delivery_job(1)])
    assert scu.problem_of("pacs") == ""


def test_a_line_that_breaks_under_a_request_accuses_nobody(
    scu: CommitmentSCU, store: FakeTransactions, lines: Recorder
) -> None:
    """An answer that does not come in time says nothing of what the archive knows."""
    with pytest.raises(AssociationLost):
        scu.request(
            RequestAssociation(store, AssociationLost("no answer in time")),
            destination(),
            [delivery_job(1)],
        )
    assert scu.problem_of("pacs") == ""


class Faulty(RequestAssociation):
    """Our own code fails to encode any request that names instance 3."""

    def request_commitment(self, request: CommitmentRequest) -> int:
        if referenced(3) in request.instances:
            raise ValueError("DOE^JANE")
        return super().request_commitment(request)


def test_one_instance_that_cannot_be_asked_for_keeps_no_other_waiting(
    scu: CommitmentSCU, store: FakeTransactions, lines: Recorder
) -> None:
    """The others of its transaction are asked for without it; it waits with its reason, and the log
    names it without what the error says."""
    association = Faulty(store)
    jobs = [delivery_job(number) for number in range(1, 6)]
    assert scu.request(association, destination(), jobs) == 5
    asked = [i.sop_instance_uid for r in association.requests for i in r.instances]
    assert asked == ["1.2.3.1", "1.2.3.2", "1.2.3.4", "1.2.3.5"]
    (line,) = lines.named("commitment_request_failed")
    assert line["sop_instance_uid"] == "1.2.3.3"
    refused = [error for _, event, _, error in store.events if event is E.REFUSED]
    assert refused == ["this node failed to request it: ValueError"] * 2
    assert "DOE" not in repr(lines.lines)


def test_one_that_was_moved_meanwhile_keeps_no_other_waiting(
    scu: CommitmentSCU,
    store: FakeTransactions,
    lines: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An operator held it between two steps: the others are asked for at once."""
    create = store.create

    def refuse_the_third(destination: str, uid: str, jobs: list[int], **more: Any) -> None:
        if 3 in jobs:
            raise IllegalTransition("a delivery that is held cannot take request_commitment")
        create(destination, uid, jobs, **more)

    monkeypatch.setattr(store, "create", refuse_the_third)
    jobs = [delivery_job(number) for number in range(1, 6)]
    assert scu.request(RequestAssociation(store), destination(), jobs) == 4
    assert [jobs for _, _, jobs, _ in store.created] == [[1, 2], [4], [5]]


def test_only_what_is_overdue_is_given_up(
    scu: CommitmentSCU, store: FakeTransactions, clock: Clock, lines: Recorder
) -> None:
    """After a restart the open requests keep waiting, each for its own time."""
    clock.forward(3600)
    store.open = [
        transaction("2.25.1"),
        transaction("2.25.2", requested_h=0.5, first_h=0.5),
        transaction("2.25.3", state=TransactionState.CREATED, requested_h=0.9),
    ]
    assert scu.give_up_overdue(destination()) == 1800
    given_up = [(uid, event) for uid, event, _, _ in store.events]
    assert given_up == [("2.25.1", E.GIVE_UP), ("2.25.3", E.GIVE_UP)]


def test_what_an_archive_owed_when_it_restarted_is_asked_again_soon(
    scu: CommitmentSCU, store: FakeTransactions, clock: Clock, lines: Recorder
) -> None:
    """Not after an hour: a quarter of a minute after it is back, for it may have lost the request;
    what it was asked for since waits as usual."""
    clock.forward(120)
    store.open = [transaction("2.25.1"), transaction("2.25.2", requested_h=119 / 3600)]
    back_at = START + timedelta(seconds=110)
    assert scu.give_up_overdue(destination(), back_at=back_at) == 5
    clock.forward(5)
    scu.give_up_overdue(destination(), back_at=back_at)
    assert [(uid, event) for uid, event, _, _ in store.events] == [("2.25.1", E.GIVE_UP)]


def test_nothing_open_needs_no_look(scu: CommitmentSCU) -> None:
    """Without an open request there is no time at which to look."""
    assert scu.give_up_overdue(destination()) is None


@pytest.mark.parametrize(("hours", "alarm"), [(1, False), (24, True), (48, True)])
def test_the_alarm_says_whom_the_archive_must_call(
    scu: CommitmentSCU,
    store: FakeTransactions,
    clock: Clock,
    lines: Recorder,
    hours: int,
    alarm: bool,
) -> None:
    """The log names the AE, host and port to enter at the archive, and rings after a day."""
    clock.forward(hours * 3600)
    store.open = [transaction()]
    scu.give_up_overdue(destination())
    (line,) = lines.named("commitment_failed")
    assert line["alarm"] is alarm
    assert "AE ECHONODE at 10.0.0.5:11112" in str(line["reason"])


def test_a_request_that_nothing_waits_for_any_more_ends_in_silence(
    scu: CommitmentSCU, store: FakeTransactions, clock: Clock, lines: Recorder
) -> None:
    """Asked for twice and committed by the late first report: the second request is given up, and
    no line says that no report came.
    """
    clock.forward(48 * 3600)
    store.open, store.waiting = [transaction()], 0
    scu.give_up_overdue(destination())
    assert [event for _, event, _, _ in store.events] == [E.GIVE_UP]
    assert lines.named("commitment_failed") == []


def test_a_transaction_uid_is_never_used_twice() -> None:
    """UIDs are random and well-formed."""
    uids = {random_transaction_uid() for _ in range(1000)}
    assert len(uids) == 1000
    assert all(is_valid_uid(uid) for uid in uids)

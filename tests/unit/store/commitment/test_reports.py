"""Storage commitment: what a transaction promises, and which reports count."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import IllegalTransition, UsageError
from echonode.model.commitment import (
    CommitmentReport,
    ReferencedInstance,
    TransactionEvent,
    TransactionState,
)
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.commitment.refused_reports import MOST_REFUSED_REPORTS
from echonode.store.database import schema
from echonode.store.store import Store
from echonode.store.values import (
    DeliveryJob,
    FailureAction,
    ReportDisposition,
    ReportOutcome,
)
from tests.unit.store.samples import NOON, US_IMAGE, US_MULTI_FRAME, Clock, put_many, send_all

APPLIED, DUPLICATE, REFUSED = ReportDisposition
UID = "2.25.1"


def item(number: int, sop_class_uid: str = US_IMAGE) -> ReferencedInstance:
    return ReferencedInstance(sop_class_uid=sop_class_uid, sop_instance_uid=f"1.2.3.4.{number}")


def report(
    committed: Sequence[int] = (), failed: dict[int, int] | None = None, uid: str = UID
) -> CommitmentReport:
    return CommitmentReport(
        transaction_uid=uid,
        committed=tuple(item(number) for number in committed),
        failed={item(number): reason for number, reason in (failed or {}).items()},
    )


def ask(store: Store, count: int = 2, uid: str = UID) -> list[DeliveryJob]:
    """Images 1 to `count`, sent to `pacs` and asked for in one transaction."""
    put_many(store, count, "pacs")
    jobs = send_all(store, "pacs", NOON)
    ask_again(store, jobs, uid)
    return jobs


def ask_again(store: Store, jobs: Sequence[DeliveryJob], uid: str) -> None:
    ids = [job.id for job in jobs]
    store.commitment.transactions.create("pacs", uid, ids, peer_ae_title="ORTHANC", now=NOON)
    store.commitment.transactions.apply_event(uid, TransactionEvent.ACCEPTED, now=NOON)


def states(store: Store) -> list[str]:
    return [row.state for row in store.ledger.rows()]


def apply(store: Store, given: CommitmentReport, ae_title: str = "ORTHANC") -> ReportOutcome:
    return store.commitment.reports.apply(ae_title, given, now=NOON)


@pytest.mark.slow
def test_a_report_commits_what_it_names(store: Store) -> None:
    """The ledger says committed, and since when."""
    ask(store)
    outcome = apply(store, report([1, 2]))
    assert outcome.disposition is APPLIED
    assert (outcome.destination, outcome.committed) == ("pacs", ("1.2.3.4.1", "1.2.3.4.2"))
    assert states(store) == ["committed", "committed"]
    assert {row.committed_at for row in store.ledger.rows()} == {NOON}
    assert store.commitment.transactions.list_open("pacs") == []


@pytest.mark.slow
def test_a_transaction_and_its_waiting_are_durable_together(data_dir: Path) -> None:
    """After a restart the transaction is still open, and its report still counts."""
    with Store.open(data_dir) as store:
        ask(store)
    with Store.open(data_dir) as store:
        [open_] = store.commitment.transactions.list_open("pacs")
        assert (open_.transaction_uid, open_.instances, open_.times_asked) == (UID, 2, 1)
        assert open_.state is TransactionState.REQUESTED
        assert apply(store, report([1, 2])).disposition is APPLIED


def test_a_report_may_come_before_the_n_action_is_answered(store: Store) -> None:
    """Seen in the field; the answer that comes after changes nothing."""
    put_many(store, 1, "pacs")
    jobs = send_all(store, "pacs", NOON)
    ids = [job.id for job in jobs]
    store.commitment.transactions.create("pacs", UID, ids, peer_ae_title="ORTHANC", now=NOON)
    assert apply(store, report([1])).disposition is APPLIED
    store.commitment.transactions.apply_event(UID, TransactionEvent.ACCEPTED, now=NOON)
    assert states(store) == ["committed"]


@pytest.mark.parametrize(
    ("given", "ae_title", "reason"),
    [
        (report([1, 2], uid="2.25.999"), "ORTHANC", "Transaction UID"),
        (report([1, 2]), "OTHER", "another AE"),
        (report([7]), "ORTHANC", "no instance"),
        (report(), "ORTHANC", "no instance"),
    ],
)
def test_a_forged_report_is_refused_and_recorded(
    store: Store, given: CommitmentReport, ae_title: str, reason: str
) -> None:
    """Unknown transaction, another AE, nothing of ours: nothing changes, and a row says why."""
    ask(store)
    outcome = apply(store, given, ae_title)
    assert outcome.disposition is REFUSED
    assert reason in outcome.reason
    assert states(store) == ["commit_requested", "commit_requested"]
    with store._readers.connect() as connection:
        [row] = connection.execute(sa.select(schema.refused_report)).all()
    assert (row.peer_ae_title, row.received_at) == (ae_title, NOON)


def test_refused_reports_do_not_fill_the_disk(store: Store) -> None:
    """A peer that floods us with forged reports leaves a thousand rows and no more."""
    from echonode.store.commitment import refused_reports

    assert MOST_REFUSED_REPORTS == 1000
    refused_reports.MOST_REFUSED_REPORTS = 5
    try:
        for _ in range(12):
            apply(store, report([1], uid="2.25.999"))
    finally:
        refused_reports.MOST_REFUSED_REPORTS = 1000
    with store._readers.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.refused_report)) == 5


def test_one_archive_cannot_commit_for_another(store: Store) -> None:
    """PACS B confirming PACS A's transaction is refused, though it is a known AE."""
    put_many(store, 1, "pacs", "backup")
    [job] = send_all(store, "pacs", NOON)
    store.commitment.transactions.create("pacs", UID, [job.id], peer_ae_title="A", now=NOON)
    assert apply(store, report([1]), "B").disposition is REFUSED
    assert apply(store, report([1]), "A").committed == ("1.2.3.4.1",)
    assert sorted(states(store)) == ["committed", "queued"]


@pytest.mark.slow
def test_extra_items_are_ignored(store: Store) -> None:
    """An instance that the transaction does not name is not committed by it."""
    put_many(store, 3, "pacs")
    jobs = send_all(store, "pacs", NOON)
    ask_again(store, jobs[:1], UID)
    ask_again(store, jobs[1:2], "2.25.2")
    assert apply(store, report([1, 2, 3])).committed == ("1.2.3.4.1",)
    assert states(store) == ["committed", "commit_requested", "sent"]


def test_items_left_out_are_not_committed(store: Store) -> None:
    """They are asked for again, not sent again."""
    ask(store)
    outcome = apply(store, report([1]))
    assert states(store) == ["committed", "sent"]
    [(job, reason)] = outcome.failed
    assert (job.instance.sop_instance_uid, reason) == ("1.2.3.4.2", None)


@pytest.mark.slow
def test_an_item_with_another_class_is_not_committed(store: Store) -> None:
    """The class must be that of the instance (PS3.4 J.3.3.1)."""
    ask(store)
    given = CommitmentReport(
        transaction_uid=UID, committed=(item(1, US_MULTI_FRAME), item(2)), failed={}
    )
    assert apply(store, given).committed == ("1.2.3.4.2",)
    assert states(store) == ["sent", "committed"]


def test_an_item_that_is_both_committed_and_failed_is_not_committed(store: Store) -> None:
    """Of two statements the one that loses nothing counts."""
    ask(store, 1)
    assert apply(store, report([1], {1: 0x0112})).committed == ()
    assert states(store) == ["queued"]


def test_failed_items_are_sent_again_with_their_reason(store: Store) -> None:
    """By default at once; the reason is in the ledger and counted in the job."""
    ask(store)
    woken: list[str] = []
    store.on_delivery_due.append(woken.append)
    outcome = apply(store, report([1], {2: 0x0112}))
    [(job, reason)] = outcome.failed
    assert (job.state, reason, job.commitments_failed) == (DeliveryState.QUEUED, 0x0112, 1)
    assert states(store) == ["committed", "queued"]
    assert woken == ["pacs"]
    assert len(store.deliveries.claim("pacs", now=NOON, limit=9)) == 1


@pytest.mark.slow
def test_the_caller_decides_upon_failures_in_the_same_transaction(store: Store) -> None:
    """Hold, ask again later, send again later: as told, and durable with the report."""
    ask(store, 3)
    later = NOON + timedelta(hours=1)
    actions = {
        0x0119: FailureAction(event=DeliveryEvent.HOLD, error="class conflict"),
        0x0213: FailureAction(event=DeliveryEvent.REQUEST_LOST, next_attempt_at=later),
        0x0112: FailureAction(event=DeliveryEvent.NOT_COMMITTED, next_attempt_at=later),
    }
    seen: list[DeliveryState] = []

    def decide(job: DeliveryJob, reason: int | None) -> FailureAction:
        seen.append(job.state)
        assert reason is not None
        return actions[reason]

    given = report([], {1: 0x0119, 2: 0x0213, 3: 0x0112})
    store.commitment.reports.apply("ORTHANC", given, now=NOON, decide=decide)
    assert states(store) == ["held", "sent", "queued"]
    assert seen == [DeliveryState.COMMIT_REQUESTED] * 3
    assert store.deliveries.sent("pacs", limit=9, now=NOON) == []
    assert store.deliveries.next_due("pacs") == later


def test_a_decision_that_fails_leaves_the_transaction_open(store: Store) -> None:
    """All of a report or nothing: the archive gets 0110 and sends it again."""
    ask(store)

    def decide(job: DeliveryJob, reason: int | None) -> FailureAction:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.commitment.reports.apply("ORTHANC", report([1], {2: 1}), now=NOON, decide=decide)
    assert states(store) == ["commit_requested", "commit_requested"]
    assert len(store.commitment.transactions.list_open("pacs")) == 1


def test_the_same_report_again_changes_nothing(store: Store) -> None:
    """Archives repeat themselves; the second is answered 0000 as well."""
    ask(store)
    apply(store, report([1], {2: 0x0112}))
    before = list(store.ledger.rows())
    assert apply(store, report([1], {2: 0x0112})).disposition is DUPLICATE
    assert list(store.ledger.rows()) == before


@pytest.mark.slow
def test_ten_equal_reports_at_once_are_applied_once(store: Store) -> None:
    """Archives that report on several associations at once."""
    ask(store)
    found: list[ReportOutcome] = []
    threads = [
        threading.Thread(target=lambda: found.append(apply(store, report([1, 2]))))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(each.disposition for each in found) == ["applied", *["duplicate"] * 9]


def test_bytes_that_changed_since_are_not_committed(store: Store) -> None:
    """The archive keeps something else than we hold: held, for a person to look at."""
    ask(store)
    kept = store.index.instance("1.2.3.4.1")
    assert kept is not None
    data = bytearray(kept.path.read_bytes())
    data[-1] ^= 1
    kept.path.write_bytes(data)
    outcome = apply(store, report([1, 2]))
    assert (outcome.committed, outcome.damaged) == (("1.2.3.4.2",), ("1.2.3.4.1",))
    assert states(store) == ["held", "committed"]


def test_no_answer_means_asking_again(store: Store) -> None:
    """Given up, its instances are sent and not committed, due when the caller says."""
    jobs = ask(store)
    later = NOON + timedelta(hours=1)
    store.commitment.transactions.apply_event(
        UID, TransactionEvent.GIVE_UP, now=NOON, next_attempt_at=later
    )
    assert states(store) == ["sent", "sent"]
    assert store.deliveries.sent("pacs", limit=9, now=NOON) == []
    ask_again(store, jobs, "2.25.2")
    [again] = store.commitment.transactions.list_open("pacs")
    assert (again.transaction_uid, again.times_asked, again.first_requested_at) == (
        "2.25.2",
        2,
        NOON,
    )


@pytest.mark.slow
def test_a_late_promise_is_taken(store: Store) -> None:
    """Days later, the transaction long given up: the archive has committed all the same."""
    ask(store)
    store.commitment.transactions.apply_event(UID, TransactionEvent.GIVE_UP, now=NOON)
    outcome = apply(store, report([1, 2]))
    assert outcome.disposition is APPLIED
    assert states(store) == ["committed", "committed"]


@pytest.mark.slow
def test_a_late_promise_counts_while_a_later_request_is_open(store: Store) -> None:
    """Committed once, by whichever report comes first; the other is a duplicate."""
    jobs = ask(store)
    store.commitment.transactions.apply_event(UID, TransactionEvent.GIVE_UP, now=NOON)
    ask_again(store, jobs, "2.25.2")
    assert apply(store, report([1])).committed == ("1.2.3.4.1",)
    assert states(store) == ["committed", "commit_requested"]
    outcome = apply(store, report([1, 2], uid="2.25.2"))
    assert outcome.committed == ("1.2.3.4.2",)


def test_a_late_failure_leaves_the_later_request_alone(store: Store) -> None:
    """The later transaction will bring its own report."""
    jobs = ask(store)
    store.commitment.transactions.apply_event(UID, TransactionEvent.GIVE_UP, now=NOON)
    ask_again(store, jobs, "2.25.2")
    outcome = apply(store, report([], {1: 0x0112, 2: 0x0112}))
    assert outcome.failed == ()
    assert states(store) == ["commit_requested", "commit_requested"]


def test_an_old_report_does_not_commit_what_is_being_sent_anew(store: Store) -> None:
    """Failed, queued again: only a report about the new sending counts."""
    ask(store, 1)
    apply(store, report([], {1: 0x0112}))
    assert apply(store, report([1])).committed == ()
    assert states(store) == ["queued"]


def test_a_refused_request_ends_its_transaction(store: Store) -> None:
    """N-ACTION answered with a failure, or not at all."""
    put_many(store, 1, "pacs")
    [job] = send_all(store, "pacs", NOON)
    store.commitment.transactions.create("pacs", UID, [job.id], peer_ae_title="A", now=NOON)
    store.commitment.transactions.apply_event(UID, TransactionEvent.REFUSED, now=NOON, error="0213")
    assert states(store) == ["sent"]
    assert [row.last_error for row in store.ledger.rows()] == ["0213"]


@pytest.mark.slow
def test_a_request_that_a_late_report_of_an_earlier_one_has_settled_is_no_open_question(
    store: Store,
) -> None:
    """Asked for twice, committed by the first request's late report: nothing waits for a report any
    more, so none is missed; and giving the second request up says that none waited.
    """
    jobs = ask(store, 1)
    assert store.commitment.transactions.apply_event(UID, TransactionEvent.GIVE_UP, now=NOON) == 1
    ask_again(store, jobs, "2.25.2")
    assert store.statistics.destination("pacs").unreported_since == NOON
    assert apply(store, report([1])).committed == ("1.2.3.4.1",)
    assert store.statistics.destination("pacs").unreported_since is None
    assert (
        store.commitment.transactions.apply_event("2.25.2", TransactionEvent.GIVE_UP, now=NOON) == 0
    )
    assert states(store) == ["committed"]


def stored_with_a_warning(store: Store) -> DeliveryJob:
    put_many(store, 1, "pacs")
    [job] = store.deliveries.claim("pacs", now=NOON, limit=1)
    store.deliveries.record_attempt(
        job.id, DeliveryEvent.STORED, now=NOON, status=0xB000, error="changed"
    )
    return job


def test_a_warning_is_shown_until_the_proof_and_beside_it(store: Store) -> None:
    """Stored with B000: the ledger goes on to say so when the request is refused, when it is given
    up, and when the archive has committed its copy.
    """
    job = stored_with_a_warning(store)
    ask_again(store, [job], UID)
    store.commitment.transactions.apply_event(UID, TransactionEvent.GIVE_UP, now=NOON)
    shown = [[row.last_error for row in store.ledger.rows()]]
    store.commitment.transactions.create(
        "pacs", "2.25.2", [job.id], peer_ae_title="ORTHANC", now=NOON
    )
    store.commitment.transactions.apply_event(
        "2.25.2", TransactionEvent.REFUSED, now=NOON, error="answered 0110"
    )
    shown.append([row.last_error for row in store.ledger.rows()])
    ask_again(store, [job], "2.25.3")
    apply(store, report([1], uid="2.25.3"))
    shown.append([row.last_error for row in store.ledger.rows()])
    warning = "stored with warning B000"
    assert shown == [[warning], [f"{warning}; answered 0110"], [warning]]
    assert states(store) == ["committed"]


def test_a_warning_is_shown_beside_what_was_found(store: Store) -> None:
    """Also where the proof is that the archive finds it."""
    job = stored_with_a_warning(store)
    store.deliveries.record_attempt(job.id, DeliveryEvent.FOUND, now=NOON)
    assert [(row.state, row.last_error) for row in store.ledger.rows()] == [
        ("verified", "stored with warning B000")
    ]


def test_a_warning_goes_with_the_next_sending(store: Store) -> None:
    """Sent again and stored without one, nothing is left of it."""
    job = stored_with_a_warning(store)
    ask_again(store, [job], UID)
    apply(store, report([], {1: 0x0112}))
    send_all(store, "pacs", NOON)
    ask_again(store, [job], "2.25.2")
    apply(store, report([1], uid="2.25.2"))
    assert [(row.state, row.last_error) for row in store.ledger.rows()] == [("committed", "")]


def test_only_what_is_sent_can_be_asked_for(store: Store) -> None:
    """Queued instances, another destination's, unknown ones, none at all, a UID used before."""
    put_many(store, 2, "pacs", "backup")
    job, _ = send_all(store, "pacs", NOON)
    queued = store.deliveries.of_instance("1.2.3.4.1")[0].id

    def create(uid: str, *ids: int) -> None:
        store.commitment.transactions.create("pacs", uid, ids, peer_ae_title="A", now=NOON)

    with pytest.raises(UsageError):
        create(UID, job.id, queued)
    with pytest.raises(UsageError):
        create(UID, 999)
    with pytest.raises(UsageError):
        create(UID)
    create(UID, job.id)
    with pytest.raises(IllegalTransition):
        create("2.25.2", job.id)
    store.commitment.transactions.apply_event(UID, TransactionEvent.GIVE_UP, now=NOON)
    with pytest.raises(sa.exc.IntegrityError):
        create(UID, job.id)
    assert states(store).count("sent") == 2


@pytest.mark.slow
def test_an_operators_hold_ends_the_waiting(store: Store, clock: Clock) -> None:
    """Held while a report is awaited: the report neither commits nor fails it."""
    ask(store)
    assert store.operator.hold("1.2.3.4.1", now=clock()) == 1
    outcome = apply(store, report([1, 2]))
    assert outcome.committed == ("1.2.3.4.2",)
    assert states(store) == ["held", "committed"]


@pytest.mark.parametrize("action", ["release", "retry"])
def test_a_promise_that_comes_while_it_is_held_counts_on_release(
    store: Store, clock: Clock, action: str
) -> None:
    """It is noted, said in the ledger, and the release makes it committed without a second
    sending; the report again changes nothing."""
    ask(store)
    store.operator.hold("1.2.3.4.1", now=clock())
    outcome = apply(store, report([1, 2]))
    assert outcome.noted == ("1.2.3.4.1",)
    [held] = [row for row in store.ledger.rows() if row.state == "held"]
    assert held.last_error.startswith("held by the operator; the archive has committed")
    assert apply(store, report([1, 2])).disposition is DUPLICATE
    clock.pass_(hours=1)
    getattr(store.operator, action)("1.2.3.4.1", now=clock())
    [released] = [row for row in store.ledger.rows() if row.sop_instance_uid == "1.2.3.4.1"]
    assert (released.state, released.committed_at, released.last_error) == (
        "committed",
        clock(),
        "",
    )
    assert store.deliveries.claim("pacs", now=clock(), limit=9) == []


@pytest.mark.parametrize("kind", ["failed", "other class", "left out", "another AE", "damaged"])
def test_what_is_no_promise_is_not_noted(
    store: Store, clock: Clock, tmp_path: Path, kind: str
) -> None:
    """Held, and reported in whatever other way: the release sends it again."""
    jobs = ask(store)
    store.operator.hold("1.2.3.4.1", now=clock())
    given = report([2] if kind in ("failed", "left out") else [1, 2])
    if kind == "failed":
        given = report([2], {1: 0x0112})
    if kind == "other class":
        given = CommitmentReport(
            transaction_uid=UID, committed=(item(1, US_MULTI_FRAME), item(2)), failed={}
        )
    if kind == "damaged":
        jobs[0].instance.path.write_bytes(b"rot")
    outcome = apply(store, given, "ANOTHER" if kind == "another AE" else "ORTHANC")
    assert outcome.noted == ()
    store.operator.release("1.2.3.4.1", now=clock())
    assert "queued" in states(store)


def test_a_promise_of_an_earlier_sending_does_not_answer_for_a_later_one(
    store: Store, clock: Clock
) -> None:
    """The archive reported it lost, it waits to be sent again and is held: a late promise by an
    earlier request does not keep it from being sent."""
    jobs = ask(store, 1)
    store.commitment.transactions.apply_event(UID, TransactionEvent.GIVE_UP, now=NOON)
    ask_again(store, jobs, "2.25.2")
    apply(store, report([], {1: 0x0112}, uid="2.25.2"))
    assert states(store) == ["queued"]
    store.operator.hold("1.2.3.4.1", now=clock())
    assert apply(store, report([1])).noted == ()
    store.operator.release("1.2.3.4.1", now=clock())
    assert states(store) == ["queued"]


def test_a_promise_does_not_outlast_a_release(store: Store, clock: Clock) -> None:
    """Released to be sent again, then held again: a promise of what was sent before does not keep
    it from being sent."""
    ask(store, 1)
    store.operator.hold("1.2.3.4.1", now=clock())
    store.operator.release("1.2.3.4.1", now=clock())
    store.operator.hold("1.2.3.4.1", now=clock())
    assert apply(store, report([1])).noted == ()
    store.operator.release("1.2.3.4.1", now=clock())
    assert states(store) == ["queued"]

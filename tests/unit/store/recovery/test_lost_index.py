"""A lost database is made again from files and journal: every row that matters, as it was."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from echonode.errors import InstanceConflict
from echonode.model.commitment import CommitmentReport, ReferencedInstance
from echonode.model.exam_state import ExamEvent
from echonode.store.database.connections import Writer
from echonode.store.files.seal import SEAL_BYTES
from echonode.store.ingest import quarantine
from echonode.store.journal import restoring
from echonode.store.store import Store
from echonode.store.values import GivenBack, RecoveryReport, StoreOutcome
from tests.unit.store.exams.test_worklist_items import FULL
from tests.unit.store.recovery.test_recovery import unseal
from tests.unit.store.retention.test_deletion import POLICY, commit_all, days_pass
from tests.unit.store.samples import US_IMAGE, Clock, dataset, put, send_all

pytestmark = [pytest.mark.sqlite, pytest.mark.new_store]

# A database that is made again gives rows other numbers, and says when and how it was made itself.
QUERIES = {
    "instance": """
        SELECT sop_instance_uid, file_id, size, dataset_offset, dataset_sha256, origin,
               source_ae_title, instance.acquired_at, stored_at, evidence, file_missing,
               file_damaged, frames, transfer_syntax_uid, patient.patient_id, study_instance_uid
        FROM instance JOIN series ON series.id = instance.series_id
        JOIN study ON study.id = series.study_id
        JOIN patient ON patient.id = study.patient_id""",
    "delivery": """
        SELECT sop_instance_uid, destination, state, attempts, last_status, last_error,
               next_attempt_at, delivery.acquired_at, sent_at, first_asked_at, committed_at,
               commitments_asked, commitments_failed, keep_local_copy, proof_seen_s,
               commitment_transaction_id
        FROM delivery JOIN instance ON instance.id = instance_id""",
    "commitment_item": """
        SELECT commitment_item.commitment_transaction_id, sop_instance_uid, destination, outcome
        FROM commitment_item JOIN delivery ON delivery.id = delivery_id
        JOIN instance ON instance.id = instance_id""",
    "meta": "SELECT key, value FROM meta WHERE key = 'node_id' OR key LIKE 'note %'",
}
WHOLE = (
    "commitment_transaction",
    "tombstone",
    "tombstone_delivery",
    "flight_event",
    "quarantine",
    "user_account",
    "refused_report",
    "inbound_commitment",
    "inbound_commitment_item",
    "exam",
    "exam_event",
    "exam_capture",
)


def rows_of(data_dir: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that matters."""
    queries = QUERIES | {name: f"SELECT * FROM {name}" for name in WHOLE}  # ours
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        return {
            name: sorted(connection.execute(text).fetchall(), key=repr)
            for name, text in queries.items()
        }


def lose(data_dir: Path) -> None:
    for path in data_dir.glob("index.sqlite*"):
        path.unlink()


def reopened(data_dir: Path, clock: Clock, **options: Any) -> Store:
    return Store.open(data_dir, now=clock, **options)


def a_full_store(data_dir: Path, clock: Clock) -> dict[str, list[tuple[Any, ...]]]:
    """Instances of every kind and in every state; what the database said at its end."""
    with reopened(data_dir, clock) as store:
        exam = store.exams.open("hand", at=clock(), held=True, patient=FULL.patient)
        store.exams.apply(exam.id, ExamEvent.ENDED, at=clock())
        put(store, dataset(1), destinations=["pacs"], acquired_at=clock(), evidence={"frames": 3})
        put(store, dataset(2), destinations=["pacs", "vna"], source_ae_title="MODALITY")
        commit_all(store, clock)  # 1 and 2 at pacs
        clock.pass_(minutes=5)
        put(store, dataset(3), destinations=["pacs"], acquired_at=clock(), evidence={"dropped": 1})
        commit_all(store, clock)
        days_pass(store, 2)
        assert [gone.sop_instance_uid for gone in store.retention.recycle(POLICY, now=clock())]
        put(store, dataset(4), source_ae_title="MODALITY")
        put(store, dataset(5), destinations=["pacs"])
        store.operator.hold("1.2.3.4.5", now=clock())
        put(store, dataset(6), destinations=["pacs"], acquired_at=clock())
        jobs = send_all(store, "pacs", clock())
        store.commitment.transactions.create(
            "pacs", "2.25.777", [job.id for job in jobs], peer_ae_title="PACS", now=clock()
        )
        put(store, dataset(7, PatientID="GONE"), destinations=["pacs"])
        store.operator.hold("1.2.3.4.7", now=clock())
        with pytest.raises(InstanceConflict):
            put(store, dataset(4, PatientName="Other^One"))
        store.key_value.write("learned", "a note")
        store.deliveries.claim("vna", now=clock(), limit=0)
    return rows_of(data_dir)


@pytest.mark.slow
def test_every_row_that_matters_comes_back(data_dir: Path, clock: Clock) -> None:
    """Captured, received, forwarded, committed, asked for, held, deleted, in quarantine, and the
    exam: the index is removed, and all of it is there again, from files and journal alone.
    """
    before = a_full_store(data_dir, clock)
    lose(data_dir)
    with reopened(data_dir, clock) as store:
        report = store.recovery.report
        assert (report.without_seal, report.given_back) == (0, GivenBack())
        assert report.database_rebuilt
    assert rows_of(data_dir) == before
    with reopened(data_dir, clock) as store:
        assert store.recovery.report == RecoveryReport()
        with pytest.raises(InstanceConflict):  # what was deleted is still known
            put(store, dataset(3, PatientName="Other^One"))
        answer = CommitmentReport(
            transaction_uid="2.25.777",
            committed=(ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid="1.2.3.4.6"),),
            failed={},
        )
        applied = store.commitment.reports.apply("PACS", answer, now=clock())
        assert applied.committed == ("1.2.3.4.6",)  # the archive's answer finds its question


@pytest.mark.slow
def test_numbers_that_were_given_out_are_not_given_again(data_dir: Path, clock: Clock) -> None:
    """The last of them may not have reached the journal."""
    with reopened(data_dir, clock) as store:
        first = store.exams.open("hand", at=clock(), held=True).id
    lose(data_dir)
    with reopened(data_dir, clock) as store:
        second = store.exams.open("cart", at=clock(), held=True).id
    assert int(second[1:]) > int(first[1:]) + restoring.SKIPPED


@pytest.mark.slow
def test_without_a_journal_the_seals_say_where_each_was_to_go(data_dir: Path, clock: Clock) -> None:
    """Whatever the configuration says now: origin, sender, times, evidence and destinations."""
    before = a_full_store(data_dir, clock)
    lose(data_dir)
    (data_dir / "journal.jsonl").unlink()
    clock.pass_(hours=1)
    with reopened(data_dir, clock, adopt_to=["elsewhere"], forward_to={"MODALITY": ["x"]}) as store:
        assert store.recovery.report.without_seal == 0
        queued = {(row.sop_instance_uid, row.destination) for row in store.ledger.rows()}
    assert rows_of(data_dir)["instance"] == before["instance"]
    assert ("1.2.3.4.2", "vna") in queued
    assert not {destination for _, destination in queued} & {"elsewhere", "x"}


@pytest.mark.slow
def test_files_without_a_seal_are_read_and_counted(data_dir: Path, clock: Clock) -> None:
    """They go where their kind goes now; what their journal says of them is kept."""
    with reopened(data_dir, clock) as store:
        old = put(store, dataset(1)).instance
        known = put(store, dataset(2), destinations=["pacs"]).instance
        commit_all(store, clock)
    for each in (old, known):
        unseal(each.path)
    lose(data_dir)
    with reopened(data_dir, clock, adopt_to=["pacs", "vna"]) as store:
        assert store.recovery.report.without_seal == 2
        states = {
            (row.sop_instance_uid[-1], row.destination, row.state) for row in store.ledger.rows()
        }
    assert states == {("1", "pacs", "queued"), ("1", "vna", "queued"), ("2", "pacs", "committed")}


@pytest.mark.slow
def test_a_file_that_is_not_what_its_seal_says_is_damaged(data_dir: Path, clock: Clock) -> None:
    """Not taken for what was stored: it is reported, held back, and repaired by its sender."""
    with reopened(data_dir, clock) as store:
        kept = put(store, dataset(1), destinations=["pacs"]).instance
    content = bytearray(kept.path.read_bytes())
    content[-1] ^= 1
    kept.path.write_bytes(content)
    lose(data_dir)
    with reopened(data_dir, clock) as store:
        assert store.recovery.report.seal_broken == ("1.2.3.4.1",)
        assert store.statistics.store(since=clock()).damaged_files == 1
        found = store.index.instance("1.2.3.4.1")
        assert found is not None
        assert found.dataset_sha256 == kept.dataset_sha256
        assert put(store, dataset(1)).outcome is StoreOutcome.FILE_REPLACED


@pytest.mark.slow
@pytest.mark.parametrize("taken_in", ["first", "last"])
@pytest.mark.parametrize("with_journal", [True, False])
def test_of_two_files_under_one_uid_the_one_that_was_stored_first_stays(
    data_dir: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    taken_in: str,
    *,
    with_journal: bool,
) -> None:
    """A power cut within the refusal of the second left both where instances lie."""
    with reopened(data_dir, clock) as store:
        kept = put(store, dataset(1), destinations=["pacs"]).instance
        commit_all(store, clock)
        store.journal.flush()
        clock.pass_(minutes=1)
        monkeypatch.setattr(quarantine, "move_to_quarantine", lambda layout, file_id: None)
        with pytest.raises(InstanceConflict):
            put(store, dataset(1, PatientName="Other^One"), destinations=["pacs", "vna"])
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        [(refused,)] = connection.execute("SELECT file_id FROM quarantine").fetchall()
    # As if the refusal had not come so far as its rows.
    end = "0" * 28 if taken_in == "first" else "f" * 28
    kept.path.rename(kept.path.with_name(f"{kept.path.stem[:4]}{end}.dcm"))
    lose(data_dir)
    journal = data_dir / "journal.jsonl"
    if with_journal:
        journal.write_bytes(b"".join(_but_for(journal, "quarantine")))
    else:
        journal.unlink()
    with reopened(data_dir, clock) as store:
        found = store.index.instance("1.2.3.4.1")
        assert found is not None
        assert found.dataset_sha256 == kept.dataset_sha256
        rows = {(row.destination, row.state) for row in store.ledger.rows()}
        assert ("pacs", "committed" if with_journal else "queued") in rows
    assert len(rows_of(data_dir)["instance"]) == 1
    assert [path.stem for path in (data_dir / "quarantine").glob("*.dcm")] == [refused]
    with reopened(data_dir, clock) as store:
        assert store.recovery.report == RecoveryReport()


def _but_for(journal: Path, kind: str) -> list[bytes]:
    return [each for each in journal.read_bytes().splitlines(True) if kind.encode() not in each]


@pytest.mark.slow
def test_a_damaged_seal_is_as_none(data_dir: Path, clock: Clock) -> None:
    """The instance is whole, and is taken in as one without a seal."""
    with reopened(data_dir, clock) as store:
        kept = put(store, dataset(1), destinations=["pacs"]).instance
    content = bytearray(kept.path.read_bytes())
    content[kept.dataset_offset - SEAL_BYTES + 60] ^= 1
    kept.path.write_bytes(content)
    lose(data_dir)
    (data_dir / "journal.jsonl").unlink()
    with reopened(data_dir, clock, adopt_to=["pacs"]) as store:
        report = store.recovery.report
        assert (report.without_seal, report.seal_broken) == (1, ())
        assert store.index.instance("1.2.3.4.1") is not None


@pytest.mark.slow
def test_an_instance_whose_file_is_gone_too_is_told(data_dir: Path, clock: Clock) -> None:
    """The journal remembers that it was there."""
    with reopened(data_dir, clock) as store:
        put(store, dataset(1), destinations=["pacs"]).instance.path.unlink()
    lose(data_dir)
    with reopened(data_dir, clock) as store:
        assert store.recovery.report.given_back.without_file == ("1.2.3.4.1",)
    with reopened(data_dir, clock) as store:
        assert store.recovery.report == RecoveryReport()


@pytest.mark.slow
def test_what_changed_after_the_last_writing_is_all_that_is_lost(
    data_dir: Path, clock: Clock
) -> None:
    """A node that is killed and loses its database at once: a delivery goes back by a step."""
    with reopened(data_dir, clock) as store:
        put(store, dataset(1), destinations=["pacs"])
        store.journal.flush()
        send_all(store, "pacs", clock())
        put(store, dataset(2), destinations=["pacs"])
        shutil.copytree(data_dir, data_dir.with_name("killed"))
    lose(data_dir.with_name("killed"))
    with reopened(data_dir.with_name("killed"), clock) as store:
        assert [row.state for row in store.ledger.rows()] == ["queued", "queued"]


@pytest.mark.slow
def test_a_delivery_that_was_being_sent_is_due_again(data_dir: Path, clock: Clock) -> None:
    """Its answer was not seen."""
    with reopened(data_dir, clock) as store:
        put(store, dataset(1), destinations=["pacs"])
        store.deliveries.claim("pacs", now=clock(), limit=1)
    lose(data_dir)
    with reopened(data_dir, clock) as store:
        [job] = store.deliveries.claim("pacs", now=clock(), limit=1)
        assert job.attempts == 1


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
    """End the start at its n-th transaction, before or after its COMMIT."""
    run, left = Writer.run, iter(range(number))

    def killed(self: Writer, work: Any, **options: Any) -> Any:
        if next(left, None) is not None:
            return run(self, work, **options)
        if after:
            run(self, work, **options)
        raise Killed

    monkeypatch.setattr(Writer, "run", killed)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_a_start_that_is_killed_at_any_step_is_gone_on_from(
    data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    """At each of its transactions in turn; the last of the starts has all of it."""
    before = a_full_store(data_dir, clock)
    for number in range(30):
        work = data_dir.with_name(f"killed-{number}")
        shutil.copytree(data_dir, work)
        lose(work)
        with monkeypatch.context() as patch:
            kill_at(patch, number, after=after)
            try:
                reopened(work, clock).close()
                is_killed = False
            except Killed:
                is_killed = True
        reopened(work, clock).close()
        assert rows_of(work) == before, number
        if not is_killed:
            break
    assert number > 10

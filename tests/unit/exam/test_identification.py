"""Scan first, name later: nothing leaves before, and everything has its patient after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from echonode.errors import IllegalTransition, InvalidObject, OperatorRefused, OutOfSpace
from echonode.exam.identification import PatientDoubtful
from echonode.exam.patient_matching import match
from echonode.model.criteria import Level, Root, Selection
from echonode.model.exam_state import Identity
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from tests.support.store_engine import ON_POSTGRES, lose_database
from tests.unit.exam.clinic_room import Room
from tests.unit.exam.test_desk import JANE
from tests.unit.store.exams.test_worklist_items import FULL, item


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Room(tmp_path / "var") as opened:
        yield opened


def scanned(room: Room) -> tuple[str, list[str]]:
    """An exam without a patient, with three stills; its id and theirs."""
    exam = room.desk.open("hand")
    uids: list[str] = []
    for _ in range(3):
        room.hand.show()
        uids += room.desk.still(exam.id)
    room.desk.end(exam.id)
    return exam.id, uids


@pytest.mark.slow
def test_nothing_is_due_before_it_is_named(room: Room) -> None:
    """Held with a reason of its own; neither release nor retry sends it."""
    _, uids = scanned(room)
    for uid in uids:
        assert room.states(uid) == ["held"]
        with pytest.raises(OperatorRefused, match="identify"):
            room.store.operator.release(uid, now=room.now())
        with pytest.raises(OperatorRefused, match="identify"):
            room.store.operator.retry(uid, now=room.now())
    assert room.store.deliveries.claim("pacs", now=room.now(), limit=10) == []
    assert "no patient" in next(iter(room.store.ledger.rows())).last_error
    assert room.store.statistics.destination("pacs").held == 0  # `release` is no remedy for these


@pytest.mark.slow
def test_a_new_destination_does_not_send_it_either(room: Room) -> None:
    """Also what is queued to later waits for the patient."""
    _, uids = scanned(room)
    room.store.deliveries.add(uids, ["backup"])
    assert room.states(uids[0]) == ["held", "held"]


@pytest.mark.slow
def test_a_peer_does_not_retrieve_it_before_it_is_named(room: Room) -> None:
    """A copy elsewhere would have its UID and another patient; what is named is retrieved."""
    exam_id, uids = scanned(room)

    def retrievable() -> list[str]:
        keys = {"StudyInstanceUID": (room.exam(exam_id).study_instance_uid,)}
        selection = Selection(root=Root.STUDY, level=Level.STUDY, keys=keys)
        return [
            each.sop_instance_uid for each in room.store.index.select(selection, may_leave=True)
        ]

    assert retrievable() == []
    room.identification.by_patient(exam_id, JANE)
    assert sorted(retrievable()) == sorted(uids)


@pytest.mark.slow
def test_named_from_the_worklist_all_of_it_is_the_patients(room: Room) -> None:
    """Patient, order and study in every file and in the index; UIDs and pixels are the same."""
    exam_id, uids = scanned(room)
    pixels = [room.read(uid).PixelData for uid in uids]
    before = [room.store.index.instance(uid) for uid in uids]
    room.store.worklist.put([FULL])
    exam = room.identification.by_item(exam_id, FULL.id)
    assert exam.state.identity is Identity.IDENTIFIED
    for number, uid in enumerate(uids):
        ds = room.read(uid)
        assert str(ds.PatientName) == FULL.patient.name
        assert ds.StudyInstanceUID == FULL.study_instance_uid
        assert ds.AccessionNumber == "A1"
        assert ds.PixelData == pixels[number]
        assert ds.SOPInstanceUID == uid
        assert room.states(uid) == ["queued"]
    for old in before:
        assert old is not None
        assert not old.path.exists()
    rows = list(room.store.ledger.rows())
    assert {row.study_instance_uid for row in rows} == {FULL.study_instance_uid}
    assert room.store.index.identity_conflicts() == ()
    assert len(list(room.data_dir.rglob("*.dcm"))) == 3


@pytest.mark.slow
def test_a_typed_patient_that_the_worklist_does_not_know_is_taken(room: Room) -> None:
    """The study stays the exam's own."""
    exam_id, uids = scanned(room)
    study = room.exam(exam_id).study_instance_uid
    room.identification.by_patient(exam_id, JANE)
    assert room.read(uids[0]).PatientID == "P1"
    assert room.read(uids[0]).StudyInstanceUID == study
    assert room.states(uids[0]) == ["queued"]
    assert room.store.index.identity_conflicts() == ()


@pytest.mark.slow
def test_a_doubtful_match_waits_for_a_person(room: Room) -> None:
    """The candidates are named and nothing is changed; confirmed, what was typed is taken."""
    exam_id, uids = scanned(room)
    known = replace(FULL, patient=replace(JANE, id="P9"))
    room.store.worklist.put([known])
    with pytest.raises(PatientDoubtful) as refused:
        room.identification.by_patient(exam_id, JANE)
    assert refused.value.candidates == (known,)
    assert room.states(uids[0]) == ["held"]
    assert room.exam(exam_id).state.identity is Identity.UNIDENTIFIED
    room.identification.by_patient(exam_id, JANE, confirmed=True)
    assert room.read(uids[0]).PatientID == "P1"


@pytest.mark.slow
def test_an_exact_match_brings_its_order(room: Room) -> None:
    """A typed patient who has one order is examined for it."""
    exam_id, uids = scanned(room)
    room.store.worklist.put([replace(FULL, patient=JANE)])
    room.identification.by_patient(exam_id, replace(JANE, name="DOE^JANE"))
    assert room.read(uids[0]).AccessionNumber == "A1"


@pytest.mark.slow
def test_an_exam_is_named_once(room: Room) -> None:
    """Afterwards it is a correction."""
    exam_id, _ = scanned(room)
    room.identification.by_patient(exam_id, JANE)
    with pytest.raises(IllegalTransition, match="correct"):
        room.identification.by_patient(exam_id, replace(JANE, id="P3"))


@pytest.mark.slow
def test_images_that_went_out_unnamed_are_corrected_not_named(tmp_path: Path) -> None:
    """Of a node that delivers them: the archive has them already."""
    with Room(tmp_path / "var", hold=False) as room:
        exam_id, uids = scanned(room)
        assert room.states(uids[0]) == ["queued"]
        with pytest.raises(OperatorRefused, match="correct"):
            room.identification.by_patient(exam_id, JANE)


@pytest.mark.slow
def test_what_is_captured_after_the_name_is_known_has_it(room: Room) -> None:
    """Named in the middle of the exam: the rest is due at once."""
    exam = room.desk.open("hand")
    room.hand.show()
    first = room.desk.still(exam.id)[0]
    room.identification.by_patient(exam.id, JANE)
    room.hand.show()
    second = room.desk.still(exam.id)[0]
    for uid in (first, second):
        assert room.read(uid).PatientID == "P1"
        assert room.states(uid) == ["queued"]


@pytest.mark.slow
def test_a_connections_exam_ends_when_it_is_named(room: Room) -> None:
    """What the probe sees next may be the next patient: never under the first one's name."""
    first = room.automatic(room.hand, 1)
    [exam] = room.store.exams.exams()
    room.identification.by_patient(exam.id, JANE)
    second = room.automatic(room.hand, 2)
    assert room.read(first).PatientID == "P1"
    assert room.read(second).PatientID.startswith("UNIDENTIFIED-")
    assert room.states(second) == ["held"]


@pytest.mark.slow
def test_an_image_built_before_the_name_is_written_anew_later(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full when it was taken, and the exam was named before there was room."""
    exam = room.desk.open("hand")
    room.hand.show()

    def full(*_: object, **__: object) -> None:
        raise OutOfSpace("no room")

    with monkeypatch.context() as during:
        during.setattr(room.store.files, "commit", full)
        with pytest.raises(OutOfSpace):
            room.desk.still(exam.id)
    room.identification.by_patient(exam.id, JANE)
    assert room.intake.retry_held() == 1
    [row] = room.store.ledger.rows()
    assert row.state == "held"
    assert room.naming.name(exam.id) == 1
    assert room.read(row.sop_instance_uid).PatientID == "P1"
    assert room.states(row.sop_instance_uid) == ["queued"]
    assert room.store.index.identity_conflicts() == ()


@pytest.mark.slow
def test_a_full_disk_does_not_undo_the_name(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exam has its patient; its images stay held, as they were, until there is room."""
    exam_id, uids = scanned(room)

    def full(*_: object, **__: object) -> None:
        raise OutOfSpace("no room")

    with monkeypatch.context() as during:
        during.setattr(room.store.files, "open_incoming", full)
        exam = room.identification.by_patient(exam_id, JANE)
    assert exam.state.identity is Identity.IDENTIFIED
    assert room.states(uids[0]) == ["held"]
    room.naming.name(exam_id)
    assert room.states(uids[0]) == ["queued"]


@pytest.mark.slow
@pytest.mark.parametrize("error", [RuntimeError("a defect"), InvalidObject("an attribute")])
def test_what_fails_after_the_name_is_durable_does_not_deny_it(
    room: Room, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The exam is identified, and that is answered; its images follow."""
    exam_id, uids = scanned(room)

    def failing(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as during:
        during.setattr(room.store.files, "open_incoming", failing)
        exam = room.identification.by_patient(exam_id, JANE)
    assert exam == room.exam(exam_id)
    assert exam.state.identity is Identity.IDENTIFIED
    room.naming.name_all()
    assert room.states(uids[0]) == ["queued"]


@pytest.mark.slow
def test_a_defect_in_one_exam_keeps_no_other_from_its_patient(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the rewriting of one exam raises, the next one is rewritten and released."""
    first, _ = scanned(room)
    second, uids = scanned(room)
    name = room.naming.name
    with monkeypatch.context() as during:
        during.setattr(room.store.files, "open_incoming", refused)
        for exam_id in (first, second):
            room.identification.by_patient(exam_id, JANE)

    def failing(exam_id: str) -> int:
        if exam_id == first:
            raise RuntimeError("a defect")
        return name(exam_id)

    monkeypatch.setattr(room.naming, "name", failing)
    room.naming.name_all()
    assert room.states(uids[0]) == ["queued"]


def refused(**_: object) -> object:
    raise OutOfSpace("no room")


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["with its journal", "without its journal"])
@pytest.mark.parametrize("hold", [True, False])
def test_with_the_database_lost_nobodys_images_still_wait(
    tmp_path: Path, hold: bool, lost: str
) -> None:
    """Found again by their files, they are in an exam that can be named; a named one is delivered.
    With the journal it is the exam that they were taken in, without it another.

    On an unattended node, what no person named is delivered as before.
    """
    with Room(tmp_path / "var", hold=hold) as room:
        _, uids = scanned(room)
        other = room.desk.open("hand", patient=JANE)
        room.hand.show()
        named = room.desk.still(other.id)[0]
    lose_database(tmp_path / "var")
    journal = tmp_path / "var" / "journal.jsonl"
    assert journal.exists() != ON_POSTGRES
    if lost == "without its journal":
        journal.unlink(missing_ok=True)
    with_journal = journal.exists()
    with Room(tmp_path / "var", hold=hold) as room:
        while room.store.recovery.step():
            pass
        assert room.states(named) == ["queued"]
        assert {room.states(uid)[0] for uid in uids} == {"held" if hold else "queued"}
        if hold:
            [exam] = [
                each
                for each in room.store.exams.exams()
                if each.state.identity is Identity.UNIDENTIFIED
            ]
            assert exam.captures == 3
            assert len(room.store.exams.exams()) == (2 if with_journal else 1)
            room.identification.by_patient(exam.id, JANE)
            assert [room.read(uid).PatientID for uid in uids] == ["P1"] * 3
            assert room.states(uids[0]) == ["queued"]


class Killed(BaseException):
    """The process is gone: nothing after this is done."""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["keep", "swap", "after_rename", "after_swap"])
@pytest.mark.parametrize("nth", [1, 3])
def test_a_kill_while_images_are_named_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, nth: int
) -> None:
    """At every step: after the next start all have the patient, once, and no file is left over."""
    if nth > 1 and step in ("swap", "after_swap"):
        return  # of an exam there is one of them
    with Room(tmp_path / "var") as room:
        exam_id, uids = scanned(room)
        break_off(room, monkeypatch, step, nth)
        with pytest.raises(Killed):
            room.identification.by_patient(exam_id, JANE)
    monkeypatch.undo()
    with Room(tmp_path / "var") as room:
        while room.store.recovery.step():
            pass
        room.naming.name(exam_id)
        for uid in uids:
            assert room.read(uid).PatientID == "P1"
            assert room.states(uid) == ["queued"]
        assert len(list(room.data_dir.rglob("*.dcm"))) == 3
        assert list(room.data_dir.rglob("*.part")) == []
        assert room.store.index.identity_conflicts() == ()


def break_off(room: Room, monkeypatch: pytest.MonkeyPatch, step: str, nth: int) -> None:
    """The nth call of a step of the naming does not come to its end."""
    calls = 0

    def counted(do: object, *, before: bool) -> object:
        def call(*values: object, **keys: object) -> object:
            nonlocal calls
            calls += 1
            if before and calls == nth:
                raise Killed
            result = do(*values, **keys)  # type: ignore[operator]  # of the test's making
            if calls == nth:
                raise Killed
            return result

        return call

    naming = room.store.naming
    match step:
        case "keep" | "swap":
            monkeypatch.setattr(naming, step, counted(getattr(naming, step), before=True))
        case "after_rename":
            monkeypatch.setattr(naming, "keep", counted(naming.keep, before=False))
        case "after_swap":
            monkeypatch.setattr(naming, "_remove", counted(naming._remove, before=True))


NOBODY = Patient(id="X", name="Nobody")


@pytest.mark.parametrize(
    ("typed", "known", "is_exact", "is_candidate"),
    [
        (JANE, JANE, True, False),
        (replace(JANE, birth_date=""), JANE, True, False),
        (replace(JANE, name="dóe^jané"), JANE, True, False),
        (replace(JANE, name="Doe^Jane=山田"), replace(JANE, name="X^Y=山田"), True, False),
        (replace(JANE, birth_date="19800103"), JANE, False, True),
        (replace(JANE, name="Smith^Ann"), JANE, False, True),
        (replace(JANE, sex="M"), JANE, False, True),
        (replace(JANE, issuer="A"), replace(JANE, issuer="B"), False, True),
        (replace(JANE, id="P7"), JANE, False, True),
        (replace(JANE, id="P7", birth_date="19800103"), JANE, False, False),
        (NOBODY, JANE, False, False),
    ],
)
def test_which_patients_are_the_same(
    typed: Patient, known: Patient, is_exact: bool, is_candidate: bool
) -> None:
    """Exact, doubtful or another: by ID, issuer, name, birth date and sex."""
    one = replace(FULL, patient=known)
    found = match(typed, [one])
    assert (found.item == one) == is_exact
    assert bool(found.candidates) == is_candidate


def test_two_orders_of_one_patient_are_a_persons_choice() -> None:
    """The node does not guess which of them was done."""
    orders: list[WorklistItem] = [item(1, patient=JANE), item(2, patient=JANE)]
    assert match(JANE, orders).candidates == tuple(orders)

"""Two patients under one UID, or two names under one number: none is shown as another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from echonode.model.criteria import Level, Query, Root, Selection, SingleValue, Wildcard
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import ConflictKind, IdentityConflict
from echonode.store.index.patient_identity import may_be_one_person
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from tests.support.store_engine import lose_database
from tests.unit.store.samples import Clock, dataset, put, send_all

ALPHA = {"PatientID": "AAA", "PatientName": "Alpha^A", "PatientBirthDate": "19500101"}
BETA = {"PatientID": "BBB", "PatientName": "Beta^B", "PatientBirthDate": "19600202"}
STUDY, SERIES = "1.2.3.1", "1.2.3.1.1"


def silent(done: int, total: int) -> None:
    """No progress is shown."""


def find(
    store: Store, level: Level, root: Root = Root.PATIENT, **keys: Any
) -> list[dict[str, str]]:
    criteria = {keyword: SingleValue(value) for keyword, value in keys.items()}
    found = store.index.find(Query(root=root, level=level, criteria=criteria))
    return sorted((dict(row) for row in found), key=str)


def named(rows: list[dict[str, str]], *keywords: str) -> list[tuple[str, ...]]:
    return sorted(tuple(row[keyword] for keyword in keywords) for row in rows)


def selected(store: Store, level: Level, root: Root = Root.PATIENT, **keys: Any) -> list[str]:
    selection = Selection(root=root, level=level, keys={key: (v,) for key, v in keys.items()})
    return sorted(instance.sop_instance_uid for instance in store.index.select(selection))


def conflicts(store: Store) -> list[tuple[str, str]]:
    return [(each.kind, each.study_instance_uid) for each in store.index.identity_conflicts()]


@pytest.fixture
def shared(store: Store) -> Store:
    """One Study and Series Instance UID: an image of Alpha, two of Beta."""
    put(store, dataset(1, **ALPHA), destinations=["pacs"])
    put(store, dataset(2, **BETA), destinations=["pacs"])
    put(store, dataset(3, **BETA), destinations=["pacs"])
    return store


@pytest.mark.parametrize("root", Root)
@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES, Level.IMAGE])
def test_each_patient_has_an_answer_of_its_own(shared: Store, level: Level, root: Root) -> None:
    """By the shared UID both answer, each under its own name; by Patient ID only that patient."""
    both = find(shared, level, root, StudyInstanceUID=STUDY)
    expected = {("AAA", "Alpha^A", "19500101"), ("BBB", "Beta^B", "19600202")}
    assert set(named(both, "PatientID", "PatientName", "PatientBirthDate")) == expected
    [beta] = {row["PatientName"] for row in find(shared, level, root, PatientID="BBB")}
    assert beta == "Beta^B"


def test_the_patients_are_listed_with_their_own_counts(shared: Store) -> None:
    """PATIENT level: both, with one study each and one and two images."""
    counts = ("PatientID", "NumberOfPatientRelatedStudies", "NumberOfPatientRelatedInstances")
    assert named(find(shared, Level.PATIENT), *counts) == [("AAA", "1", "1"), ("BBB", "1", "2")]
    of_studies = ("PatientID", "NumberOfStudyRelatedInstances")
    assert named(find(shared, Level.STUDY), *of_studies) == [("AAA", "1"), ("BBB", "2")]


def test_a_retrieve_by_patient_moves_that_patients_images_only(shared: Store) -> None:
    """Patient Root: the path decides. Study Root: a UID alone moves what it holds."""
    asked: tuple[tuple[Level, dict[str, Any]], ...] = (
        (Level.PATIENT, {}),
        (Level.STUDY, {"StudyInstanceUID": STUDY}),
        (Level.SERIES, {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES}),
    )
    for level, keys in asked:
        assert selected(shared, level, PatientID="AAA", **keys) == ["1.2.3.4.1"]
        assert selected(shared, level, PatientID="BBB", **keys) == ["1.2.3.4.2", "1.2.3.4.3"]
    everything = ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]
    assert selected(shared, Level.STUDY, Root.STUDY, StudyInstanceUID=STUDY) == everything
    assert selected(shared, Level.SERIES, Root.STUDY, SeriesInstanceUID=SERIES) == everything


def test_the_conflict_stands_until_it_is_acknowledged(shared: Store, clock: Clock) -> None:
    """With the Study Instance UID alone; acknowledged once, the same conflict stays silent."""
    assert conflicts(shared) == [("study", STUDY)]
    assert shared.operator.acknowledge_conflict(STUDY, now=clock()) == 1
    put(shared, dataset(4, **ALPHA))
    assert conflicts(shared) == []
    assert shared.operator.acknowledge_conflict(STUDY, now=clock()) == 0


def test_the_conflict_is_told_with_what_made_it(store: Store) -> None:
    """The outcome of storing names it, so that it is logged at once; the flight recorder has it."""
    assert put(store, dataset(1, **ALPHA)).conflicts == ()
    told = put(store, dataset(2, **BETA)).conflicts
    assert told == (IdentityConflict(kind=ConflictKind.STUDY, study_instance_uid=STUDY),)
    assert [event.kind for event in store.ledger.events(STUDY)] == ["identity_conflict"]


@pytest.mark.slow
def test_retention_takes_one_patients_images_and_leaves_the_others(
    shared: Store, clock: Clock
) -> None:
    """When one side has gone so has the conflict, and it is logged again if it comes again."""
    for job in send_all(shared, "pacs", clock()):
        if job.instance.sop_instance_uid == "1.2.3.4.1":
            shared.commitment.transactions.create(
                "pacs", "2.25.1", [job.id], peer_ae_title="P", now=clock()
            )
            report = report_of(job.instance.sop_class_uid, job.instance.sop_instance_uid)
            shared.commitment.reports.apply("P", report, now=clock())
    shared.retention.observe(60)
    policy = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})
    assert [gone.sop_instance_uid for gone in shared.retention.recycle(policy, now=clock())] == [
        "1.2.3.4.1"
    ]
    assert named(find(shared, Level.PATIENT), "PatientID") == [("BBB",)]
    assert named(find(shared, Level.STUDY), "PatientID", "PatientName") == [("BBB", "Beta^B")]
    assert conflicts(shared) == []
    shared.retention.prune(now=clock())
    put(shared, dataset(9, **ALPHA))
    assert conflicts(shared) == [("study", STUDY)]


def report_of(sop_class_uid: str, sop_instance_uid: str) -> Any:
    from echonode.model.commitment import CommitmentReport, ReferencedInstance

    item = ReferencedInstance(sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid)
    return CommitmentReport(transaction_uid="2.25.1", committed=(item,), failed={})


def test_one_series_uid_in_two_studies_stays_two_series(store: Store) -> None:
    """Also of one patient: each with its own study, and a conflict."""
    put(store, dataset(1, **ALPHA))
    put(store, dataset(2, **ALPHA, StudyInstanceUID="1.2.3.2"))
    both = find(store, Level.SERIES, SeriesInstanceUID=SERIES)
    assert named(both, "StudyInstanceUID") == [("1.2.3.1",), ("1.2.3.2",)]
    assert conflicts(store) == [("series", "1.2.3.2")]
    chosen: dict[str, Any] = {
        "PatientID": "AAA",
        "StudyInstanceUID": "1.2.3.2",
        "SeriesInstanceUID": SERIES,
    }
    assert selected(store, Level.SERIES, **chosen) == ["1.2.3.4.2"]


def test_one_number_of_two_issuers_is_two_patients(store: Store) -> None:
    """That is what issuers are for: no conflict; a retrieve that names the issuer moves its own."""
    here, there = {**ALPHA, "IssuerOfPatientID": "HERE"}, {**BETA, "PatientID": "AAA"}
    put(store, dataset(1, **here))
    put(store, dataset(2, **there, StudyInstanceUID="1.2.3.2", SeriesInstanceUID="1.2.3.2.1"))
    assert named(find(store, Level.PATIENT), "PatientID", "PatientName") == [
        ("AAA", "Alpha^A"),
        ("AAA", "Beta^B"),
    ]
    assert conflicts(store) == []
    keys: dict[str, Any] = {"PatientID": "AAA", "IssuerOfPatientID": "HERE"}
    assert selected(store, Level.PATIENT, **keys) == ["1.2.3.4.1"]


def test_another_spelling_is_the_same_patient_and_each_image_keeps_its_own(store: Store) -> None:
    """One patient, one study; answers below PATIENT level show what each image came with."""
    put(store, dataset(1, **ALPHA))
    put(store, dataset(2, **{**ALPHA, "PatientName": "ALPHA^ANNA"}))
    put(store, dataset(3, **{**ALPHA, "PatientName": "Alpha^Anna", "PatientSex": "O"}))
    assert named(find(store, Level.PATIENT), "PatientName") == [("Alpha^A",)]
    assert named(find(store, Level.STUDY), "PatientName") == [("Alpha^A",)]
    assert named(find(store, Level.IMAGE), "SOPInstanceUID", "PatientName", "PatientSex") == [
        ("1.2.3.4.1", "Alpha^A", "F"),
        ("1.2.3.4.2", "ALPHA^ANNA", "F"),
        ("1.2.3.4.3", "Alpha^Anna", "O"),
    ]
    query = Query(
        root=Root.STUDY, level=Level.IMAGE, criteria={"PatientName": Wildcard("alpha^an*")}
    )
    assert named([dict(row) for row in store.index.find(query)], "SOPInstanceUID") == [
        ("1.2.3.4.2",),
        ("1.2.3.4.3",),
    ]
    assert conflicts(store) == []


def test_two_persons_under_one_number_are_a_conflict(store: Store) -> None:
    """The number says one patient, the names two: each study shows its own, a person decides."""
    put(store, dataset(1, **ALPHA))
    second = {**BETA, "PatientID": "AAA", "StudyInstanceUID": "1.2.3.2"}
    put(store, dataset(2, **second, SeriesInstanceUID="1.2.3.2.1"))
    assert named(find(store, Level.STUDY), "StudyInstanceUID", "PatientName") == [
        ("1.2.3.1", "Alpha^A"),
        ("1.2.3.2", "Beta^B"),
    ]
    assert conflicts(store) == [("patient", "1.2.3.2")]


def test_without_a_number_the_name_tells_patients_of_one_study_apart(store: Store) -> None:
    """Nothing else does; the same name in another study may be another patient."""
    put(store, dataset(1, **{**ALPHA, "PatientID": ""}))
    put(store, dataset(2, **{**ALPHA, "PatientID": "", "PatientName": "ALPHA^A"}))
    put(store, dataset(3, **{**BETA, "PatientID": ""}))
    assert named(find(store, Level.STUDY), "PatientName", "NumberOfStudyRelatedInstances") == [
        ("Alpha^A", "2"),
        ("Beta^B", "1"),
    ]
    assert conflicts(store) == [("study", STUDY)]


def test_reading_the_index_again_keeps_patients_apart(shared: Store) -> None:
    """`reindex` changes nothing of a sound index, shared UIDs or not."""
    before = [find(shared, level) for level in Level]
    assert shared.refresh_index(silent).corrected == 0
    assert [find(shared, level) for level in Level] == before


@pytest.mark.slow
def test_a_lost_database_comes_back_with_patients_apart(data_dir: Path, clock: Clock) -> None:
    """Rebuilt from the files: the same answers, and the conflict is logged again."""
    with Store.open(data_dir, now=clock) as store:
        put(store, dataset(1, **ALPHA))
        put(store, dataset(2, **BETA))
        before = [find(store, level) for level in (Level.STUDY, Level.IMAGE)]
    lose_database(data_dir)
    with Store.open(data_dir, now=clock) as store:
        assert [find(store, level) for level in (Level.STUDY, Level.IMAGE)] == before
        assert conflicts(store) == [("study", STUDY)]


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [
        ("Alpha^A", "ALPHA^ANNA", True),
        ("M\u00fcller^J\u00f6rg", "MULLER^JORG", True),
        ("M\u00fcller^J\u00f6rg", "Mueller^Joerg", True),
        ("Alpha^Anna", "Anna^Alpha", True),
        ("Catherine^X", "Katherine^X", True),
        ("", "Alpha^A", True),
        ("Alpha^A", "Beta^B", False),
        ("Alpha^Anna", "Alpha^Bruno", False),
        ("Smith^Anna", "Jones^Anna", False),
    ],
)
def test_what_may_be_one_persons_name(one: str, other: str, may_be: bool) -> None:
    """Spellings, abbreviations, exchanged components; not two persons."""
    assert may_be_one_person({"PatientName": one}, {"PatientName": other}) is may_be


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [("19500101", "19500101", True), ("19500101", "", True), ("19500101", "19600202", False)],
)
def test_two_birth_dates_are_two_persons(one: str, other: str, may_be: bool) -> None:
    """Where both are known."""
    first: Mapping[str, str] = {"PatientName": "Alpha^A", "PatientBirthDate": one}
    assert may_be_one_person(first, {"PatientName": "Alpha^A", "PatientBirthDate": other}) is may_be

"""A RIS's answer becomes items, whatever it left out, and never one with a wrong name."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.dimse.messages.datasets import from_bytes
from echonode.errors import InvalidObject
from echonode.exam.worklist.answers import items_of
from echonode.exam.worklist.character_sets import assume
from echonode.exam.worklist.query import WorklistQuery
from echonode.model.worklist_item import ScheduledStep, WorklistItem
from tests.unit.exam.worklist.answers import answer, full_answer, received, step
from tests.unit.objects.orders import BEGAN, FULL_ITEM

# pydicom warns of values that do not fit, which is what some of these tests send.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
ASKED = WorklistQuery(station_ae_title="US1", modality="US")


def items(dataset: Dataset, asked: WorklistQuery = ASKED) -> tuple[WorklistItem, ...]:
    return items_of(received(dataset), source_name="ris", fetched_at=NOW, asked=asked)


def test_every_key_that_is_asked_for_becomes_a_value_of_the_item() -> None:
    """The whole item at once; its id is the hash of what identifies it."""
    [item] = items(full_answer())
    assert replace(item, id=FULL_ITEM.id, fetched_at=BEGAN) == FULL_ITEM


def test_an_answer_without_optional_attributes_is_an_item() -> None:
    """Nor does it need a Study Instance UID, or any scheduled step."""
    dataset = Dataset()
    dataset.PatientID = "P-1"
    [item] = items(dataset)
    assert (item.patient.id, item.study_instance_uid, item.step) == ("P-1", "", ScheduledStep())


@pytest.mark.parametrize("uid", ["", "none", "1.2.03", "1.2." + "3" * 70])
def test_a_study_uid_that_is_none_is_unknown(uid: str) -> None:
    """The exam makes its own then; an object with such a UID would be refused everywhere."""
    assert items(answer(StudyInstanceUID=uid))[0].study_instance_uid == ""


def test_each_scheduled_step_of_an_answer_is_an_item() -> None:
    """With ids of their own, also where the server numbers no steps."""
    first, second = items(
        answer(
            ScheduledProcedureStepSequence=[
                step(ScheduledProcedureStepID=""),
                step(ScheduledProcedureStepID="", ScheduledProcedureStepStartTime="0930"),
            ]
        )
    )
    assert (first.step.start_time, second.step.start_time) == ("080000", "0930")
    assert first.id != second.id
    assert first.patient == second.patient


def test_a_step_for_another_station_in_the_same_answer_is_not_ours() -> None:
    """The server matched on one of them; a server that ignored the station is believed."""
    both = answer(
        ScheduledProcedureStepSequence=[
            step(ScheduledStationAETitle="CT1", Modality="CT", ScheduledProcedureStepID="A"),
            step(ScheduledStationAETitle=["US9", "US1"], ScheduledProcedureStepID="B"),
        ]
    )
    assert [item.step.id for item in items(both)] == ["B"]
    elsewhere = WorklistQuery(station_ae_title="US7", modality="US")
    assert len(items(both, elsewhere)) == 2


def test_the_same_answer_again_is_the_same_item() -> None:
    """So that the cache replaces it, and an exam finds it again."""
    assert items(full_answer()) == items(full_answer())
    assert items(answer())[0].id != items(answer(AccessionNumber="ACC-56"))[0].id


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Muster^Eva\\Other^One"),
        ("PatientName", "a=b=c=d"),
        ("PatientID", "x" * 65),
        ("PatientID", "A\\B"),
        ("AccessionNumber", "x" * 17),
        ("RequestedProcedureID", "a\tb"),
        ("IssuerOfPatientID", "x" * 65),
    ],
)
def test_what_identifies_and_does_not_fit_is_no_item(keyword: str, value: str) -> None:
    """An image of it would be refused after the scan; the reason quotes no value."""
    dataset = received(answer())
    dataset.add_new(dataset[keyword].tag if keyword in dataset else 0x00100021, "LO", "")
    dataset[keyword].value = value
    with pytest.raises(InvalidObject, match=keyword) as refused:
        items_of(dataset, source_name="ris", fetched_at=NOW, asked=ASKED)
    assert value not in str(refused.value)


def test_an_answer_that_names_nobody_is_no_item() -> None:
    """It could only be confused with another patient's."""
    with pytest.raises(InvalidObject, match="PatientID"):
        items(answer(PatientID="", PatientName="^^"))


def test_what_describes_is_tolerated() -> None:
    """Long text is cut, what is no number or day is unknown, sequences may be empty."""
    [item] = items(
        answer(
            PatientBirthDate="1970.02.28",
            PatientSex="U",
            RequestedProcedureDescription="d" * 100,
            RequestedProcedureCodeSequence=[Dataset()],
            ReferencedStudySequence=[],
            ScheduledProcedureStepSequence=[step(ScheduledProcedureStepStartTime="noon")],
        )
    )
    assert (item.patient.birth_date, item.patient.sex) == ("19700228", "")
    assert item.requested_procedure_description == "d" * 64
    assert (item.requested_procedure_codes, item.referenced_studies) == ((), ())
    assert item.step.start_time == ""


def raw(character_set: str, name: bytes, patient_id: bytes = b"P-1") -> Dataset:
    """An answer as bytes of a character set, as a server writes it."""
    parts = []
    for group, element, vr, value in (
        (0x0008, 0x0005, b"CS", character_set.encode()),
        (0x0010, 0x0010, b"PN", name),
        (0x0010, 0x0020, b"LO", patient_id),
    ):
        if value:
            padded = value + b" " * (len(value) % 2)
            parts.append(struct.pack("<HH2sH", group, element, vr, len(padded)) + padded)
    return from_bytes(b"".join(parts), ExplicitVRLittleEndian)


# PS3.5 annexes H to K: the standard's own examples, and single-byte sets.
NAMES = [
    ("ISO_IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme"),
    ("ISO_IR 100", "Äneas^Rüdiger".encode("latin-1"), "Äneas^Rüdiger"),
    ("ISO_IR 126", "Διονυσιος".encode("iso8859-7"), "Διονυσιος"),
    ("ISO_IR 127", "قباني^لنزار".encode("iso8859-6"), "قباني^لنزار"),
    ("ISO_IR 192", "山田^太郎".encode(), "山田^太郎"),
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    ("ISO_IR 192", "山田\u3000太郎".encode(), "山田\u3000太郎"),
]


@pytest.mark.parametrize(("character_set", "wire", "name"), NAMES)
def test_names_come_out_of_every_character_set(character_set: str, wire: bytes, name: str) -> None:
    """Japanese, Korean, Chinese, Arabic, Greek and German, with all groups."""
    dataset = raw(character_set, wire)
    [item] = items_of(dataset, source_name="ris", fetched_at=NOW, asked=ASKED)
    assert item.patient.name == name


def test_a_name_that_cannot_be_decoded_is_no_item() -> None:
    """A name with holes would go into the image; the reason says what to do at the RIS."""
    for dataset, reason in (
        (raw("ISO_IR 192", b"\xff\xfe^a"), "not of the character set"),
        (raw("", "Müller".encode("latin-1")), "worklist.character_set"),
        (raw("ISO_IR 999", "Müller".encode("latin-1")), "not known here"),
    ):
        with pytest.raises(InvalidObject, match=reason):
            items_of(dataset, source_name="ris", fetched_at=NOW, asked=ASKED)


def test_a_server_that_declares_nothing_is_read_as_the_configuration_says() -> None:
    """Only where it declares nothing: an answer that does is read as it says."""
    for wire, character_set, name in (
        ("Müller^Jörg".encode("latin-1"), "ISO_IR 100", "Müller^Jörg"),
        ("Διονυσιος".encode("iso8859-7"), "ISO_IR 126", "Διονυσιος"),
        ("山田^太郎".encode(), "ISO_IR 192", "山田^太郎"),
    ):
        silent = raw("", wire)
        assume(silent, character_set)
        [item] = items_of(silent, source_name="ris", fetched_at=NOW, asked=ASKED)
        assert item.patient.name == name
    telling = raw("ISO_IR 100", "Müller".encode("latin-1"))
    assume(telling, "ISO_IR 126")
    [item] = items_of(telling, source_name="ris", fetched_at=NOW, asked=ASKED)
    assert item.patient.name == "Müller"

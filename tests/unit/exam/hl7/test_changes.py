"""What each message means: patients, worklist items, merges, and refusals that name the field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from echonode.errors import Hl7Refused
from echonode.exam.hl7.events import changes_of
from echonode.exam.hl7.message import read_message
from echonode.exam.hl7.order_sources import OrderDefaults
from echonode.model.order_change import (
    Change,
    OrderPlaced,
    OrderWithdrawn,
    PatientMerge,
    PatientUpdate,
)
from echonode.model.patient import Identifier
from echonode.model.worklist_item import Code
from tests.unit.exam.hl7.messages import (
    A04_ISO_IR_87,
    A04_LATIN_1,
    A08_UTF_8,
    A28,
    A31,
    A40,
    OMG_O19,
    OMI_O23,
    ORM_CANCEL,
    ORM_O01,
    msh,
)

NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
DEFAULTS = OrderDefaults(zone=timezone(timedelta(hours=1)), station_ae_titles=("CART9",))
CLINIC = Identifier(value="4711", issuer="CLINIC", kind="MR")


def changes(data: bytes, **options: str) -> list[Change]:
    return changes_of(read_message(data, **options), defaults=DEFAULTS, now=NOW)


def refusal(data: bytes) -> Hl7Refused:
    with pytest.raises(Hl7Refused) as caught:
        changes(data)
    return caught.value


def test_a_registered_patient_is_read_with_its_umlauts() -> None:
    """ADT^A04 in Latin-1: the record number is the Patient ID, the others are kept as well."""
    (change,) = changes(A04_LATIN_1)
    assert isinstance(change, PatientUpdate)
    assert change.patient_id == Identifier(
        value="4711", issuer="CLINIC", universal_id="1.2.3", universal_id_type="ISO", kind="MR"
    )
    assert change.said["name"] == "Müller^Jörg^Karl^Dr.^jun."
    assert change.said["birth_date"] == "19700131"
    assert change.said["sex"] == "M"
    assert change.said["pregnancy_status"] == 4
    assert [each.value for each in change.said["other_ids"]] == ["99", "A7"]  # type: ignore[attr-defined]  # identifiers


def test_a_japanese_name_has_its_three_groups() -> None:
    """ISO IR87: separators within kanji are no separators; A, I and P are the groups of PN."""
    (change,) = changes(A04_ISO_IR_87)
    assert isinstance(change, PatientUpdate)
    assert change.said["name"] == "YAMADA^TAROU=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize(
    ("characters", "codec", "name"),
    [
        (b"UNICODE UTF-8", "utf-8", "Παπαδόπουλος^Γιώργος"),
        (b"8859/7", "iso8859_7", "Παπαδόπουλος^Γιώργος"),
        (b"8859/6", "iso8859_6", "قباني^لنزار"),
        (b"KS X 1001", "euc_kr", "김^희중"),
        (b"GB 18030-2000", "gb18030", "王^小东"),
        (b"8859/5", "iso8859_5", "\u0418\u0432\u0430\u043d\u043e\u0432^\u0418\u0432\u0430\u043d"),
    ],
)
def test_names_are_read_in_the_set_of_msh_18(characters: bytes, codec: str, name: str) -> None:
    """Greek, Arabic, Korean, Chinese and Cyrillic names arrive as they were written."""
    data = msh(b"ADT^A04", characters=characters) + f"PID|||1||{name}\r".encode(codec)
    (change,) = changes(data)
    assert isinstance(change, PatientUpdate)
    assert change.said["name"] == name


def test_what_an_update_does_not_say_stays_and_null_empties() -> None:
    """A08: `""` makes the sex unknown; the birth date is not touched."""
    (change,) = changes(A08_UTF_8)
    assert isinstance(change, PatientUpdate)
    assert change.said == {"issuer": "CLINIC", "name": "Müller-Lüdenscheidt^Jörg", "sex": ""}


@pytest.mark.parametrize(
    ("data", "name"), [(A28, "Müller^Jörg"), (A31, "Müller-Lüdenscheidt^Jörg")]
)
def test_a_person_of_the_register_is_a_patient(data: bytes, name: str) -> None:
    """A28 and A31, whatever else they say: next of kin are not the patient."""
    (change,) = changes(data)
    assert isinstance(change, PatientUpdate)
    assert change.patient_id == CLINIC
    assert (change.said["name"], change.said["birth_date"]) == (name, "19700131")


def test_a_merge_names_both_identifiers() -> None:
    """A40: PID-3 remains, MRG-1 is given up."""
    (change,) = changes(A40)
    assert isinstance(change, PatientMerge)
    assert (change.patient_id, change.prior.value) == (CLINIC, "0815")


def test_an_order_of_2_3_1_fills_a_worklist_item() -> None:
    """Every attribute of IHE's mapping is where PS3.4 has it."""
    (change,) = changes(ORM_O01)
    assert isinstance(change, OrderPlaced)
    item, step = change.item, change.item.step
    assert item.patient.name == "Miller^Joe"
    assert item.accession_number.value == "A1"
    assert item.study_instance_uid == "1.2.826.0.1.3680043.9.1"
    assert (item.requested_procedure_id, step.id) == ("RP1", "SPS1")
    assert item.placer_order_number == Identifier(value="P1", issuer="KIS")
    assert item.requested_procedure_description == "Abdomen"
    assert item.requested_procedure_codes == (
        Code(value="US01", scheme="99CLINIC", meaning="Abdomen"),
    )
    assert step.protocol_codes == (Code(value="LIVER", scheme="99CLINIC", meaning="Liver"),)
    assert (step.description, step.modality) == ("Liver", "US")
    assert (step.start_date, step.start_time) == ("20261129", "083000")
    assert step.station_ae_titles == ("CART9",)
    assert step.performing_physician_name == "Foreman^Eric"
    assert item.requested_procedure_priority == "STAT"
    assert item.requested_procedure_comments == "Fasting since midnight"
    assert item.reason_for_procedure == "Pain in the belly"
    assert item.referring_physician_name == "House^Gregory^^Dr."
    assert item.requesting_physician_name == "Wilson^James"
    assert item.requesting_service == "Cardiology"
    assert item.admission_id == Identifier(value="V7", issuer="CLINIC")
    assert item.current_patient_location == "US 2 1"


def test_an_appointment_with_an_offset_is_read_by_the_local_clock() -> None:
    """OMG^O19: 07:00 UTC is 08:00 here; without numbers of DICOM the filler's is the accession."""
    (change,) = changes(OMG_O19)
    assert isinstance(change, OrderPlaced)
    assert (change.item.step.start_date, change.item.step.start_time) == ("20261129", "080000")
    assert change.item.accession_number.value == "F2"
    assert change.item.requested_procedure_priority == "STAT"
    assert change.item.step.modality == "US"


def test_two_procedure_segments_are_two_steps() -> None:
    """OMI^O23: each IPC is an item of its own in the same study."""
    first, second = changes(OMI_O23)
    assert isinstance(first, OrderPlaced)
    assert isinstance(second, OrderPlaced)
    assert [first.item.step.id, second.item.step.id] == ["SPS31", "SPS32"]
    assert first.item.study_instance_uid == second.item.study_instance_uid == "1.2.3.4"
    assert second.item.step.station_ae_titles == ("ECHONODE", "CART2")
    assert first.item.id != second.item.id


def test_an_order_for_no_moment_is_for_now() -> None:
    """PS3.4 wants a start: where the order names none, it is when the message came."""
    data = ORM_O01.replace(b"1^^^20261129083000^^S", b"")
    (change,) = changes(data)
    assert isinstance(change, OrderPlaced)
    assert (change.item.step.start_date, change.item.step.start_time) == ("20261129", "070000")


def test_a_cancelled_order_is_known_by_its_numbers() -> None:
    """CA and DC need no OBR; XO of an order that is ended is the same."""
    (change,) = changes(ORM_CANCEL)
    assert isinstance(change, OrderWithdrawn)
    assert (change.placer_order_number, change.filler_order_number) == ("P1", "F1")
    (ended,) = changes(ORM_O01.replace(b"ORC|NW|P1^KIS|F1^RIS||SC", b"ORC|XO|P1^KIS|F1^RIS||CM"))
    assert isinstance(ended, OrderWithdrawn)


@pytest.mark.parametrize(
    ("data", "code", "place", "rejected"),
    [
        (ORM_O01.replace(b"ORM^O01", b"ORU^R01"), 200, ("MSH", 9, 1), True),
        (ORM_O01.replace(b"ORM^O01", b"ORM^O09"), 201, ("MSH", 9, 2), True),
        (ORM_O01.replace(b"|M4|P|", b"||P|"), 101, ("MSH", 10, 1), True),
        (ORM_O01.replace(b"|M4|P|", b"|M4|T|"), 202, ("MSH", 11, 1), True),
        (ORM_O01.replace(b"2.3.1", b"3.0"), 203, ("MSH", 12, 1), True),
        (ORM_O01.replace(b"4711^", b"^"), 101, ("PID", 3, 1), False),
        (ORM_O01.replace(b"4711", b"4" * 65), 102, ("PID", 3, 0), False),
        (ORM_O01.replace(b"19700131", b"19701331"), 102, ("PID", 7, 1), False),
        (ORM_O01.replace(b"|M\r", b"|X\r"), 103, ("PID", 8, 1), False),
        (ORM_O01.replace(b"ORC|NW", b"ORC|QQ"), 103, ("ORC", 1, 0), False),
        (ORM_O01.replace(b"ORC|NW|P1^KIS|F1^RIS", b"ORC|NW||"), 101, ("ORC", 2, 0), False),
        (ORM_O01.replace(b"|A1|", b"|A1234567890123456|"), 102, ("OBR", 18, 0), False),
        (ORM_O01.replace(b"ZDS|1.2", b"ZDS|1.02"), 102, ("ZDS", 1, 1), False),
        (ORM_O01.replace(b"PID|", b"ZID|"), 100, ("PID", 0, 0), False),
        (ORM_O01.replace(b"OBR|", b"ZBR|"), 100, ("OBR", 0, 0), False),
        (A40.replace(b"0815", b"4711"), 102, ("MRG", 1, 1), False),
        (A08_UTF_8.replace(b"UNICODE UTF-8", b"8859/99"), 103, ("MSH", 18, 0), False),
        (A08_UTF_8.replace(b"UNICODE UTF-8", b""), 102, ("PID", 0, 0), False),
        (b"BHS|^~\\&|RIS\r" + ORM_O01, 100, ("MSH", 0, 0), True),
        (b"", 100, ("MSH", 0, 0), True),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    data: bytes, code: int, place: tuple[str, int, int], rejected: bool
) -> None:
    """The answer names segment, field and kind of fault, and never quotes a value."""
    if code == 101 and place[:2] == ("ORC", 2):
        data = data.replace(b"OBR|1|P1^KIS|F1^RIS|", b"OBR|1|||")
    fault = refusal(data)
    assert (fault.code, (fault.segment, fault.field, fault.component)) == (code, place)
    assert fault.reject is rejected
    assert "4711" not in str(fault)


def test_an_unlabelled_message_is_read_as_the_configuration_says() -> None:
    """A sender that leaves MSH-18 empty and writes Latin-1 can be configured."""
    data = A04_LATIN_1.replace(b"8859/1", b"")
    (change,) = changes(data, default_character_set="8859/1")
    assert isinstance(change, PatientUpdate)
    assert change.said["name"] == "Müller^Jörg^Karl^Dr.^jun."


def test_hostile_separators_are_refused_before_they_are_cut_up() -> None:
    """A megabyte of separators would be half a gigabyte of objects."""
    assert refusal(ORM_O01 + b"NTE|" + b"^" * 500_000).code == 102


def test_segments_that_nobody_reads_cost_nothing() -> None:
    """Z segments and others are passed over, whatever is in them."""
    assert changes(ORM_O01 + b"ZZZ|" + b"^|\xff" * 100_000 + b"\r") == changes(ORM_O01)


def test_escape_sequences_are_what_they_stand_for() -> None:
    """Separators and bytes in a name; a formatting command repeats nothing."""
    data = msh(b"ADT^A04", characters=b"8859/1") + (
        rb"PID|||1||M\XFC\ller \T\ Co^A\.sp999999999\B" + b"\r"
    )
    (change,) = changes(data)
    assert isinstance(change, PatientUpdate)
    assert change.said["name"] == "Müller & Co^A B"

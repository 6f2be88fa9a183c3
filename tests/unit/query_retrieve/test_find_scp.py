"""C-FIND: which identifiers are taken, which rows answer them, and what an answer holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
import structlog
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from echonode.dimse.services import FindAnswer, FindRequest
from echonode.errors import AssociationLost, DimseFailure
from echonode.model.attributes import of_level
from echonode.model.criteria import Level, Query, Root, SingleValue
from echonode.model.identity import Peer, Service
from echonode.query_retrieve.character_set import declared
from echonode.query_retrieve.find_scp import FindSCP
from echonode.query_retrieve.identifier import read_identifier

VIEWER = Peer(
    name="viewer", ae_title="VIEWER", host="127.0.0.1", port=11112, may=frozenset({Service.FIND})
)

JAPANESE = ["ISO 2022 IR 13", "ISO 2022 IR 87"]
STUDY: Mapping[str, str] = {
    "PatientID": "P1",
    "PatientName": "Doe^Jane",
    "PatientBirthDate": "19700102",
    "StudyInstanceUID": "1.2.3",
    "StudyDate": "20260705",
    "StudyTime": "1030",
    "AccessionNumber": "A1",
    "StudyDescription": "Abdomen",
    "ModalitiesInStudy": "US\\SR",
    "SOPClassesInStudy": "1.2.840.10008.5.1.4.1.1.6.1\\1.2.840.10008.5.1.4.1.1.3.1",
    "NumberOfStudyRelatedSeries": "2",
    "NumberOfStudyRelatedInstances": "14",
}
IMAGE: Mapping[str, str] = {
    **STUDY,
    "SeriesInstanceUID": "1.2.3.4",
    "Modality": "US",
    "SOPInstanceUID": "1.2.3.4.5",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1",
    "InstanceNumber": "1",
    "Rows": "480",
}


def identifier(level: str | None = "STUDY", **keys: object) -> Dataset:
    """A request's identifier, unchecked: keys may be what values may not (`*` in a UID)."""
    made = Dataset()
    elements = {**keys, **({} if level is None else {"QueryRetrieveLevel": level})}
    for keyword, value in elements.items():
        vr = dictionary_VR(keyword)
        made.add(DataElement(Tag(keyword), vr, value, validation_mode=IGNORE))
    return made


def on_the_wire(dataset: Dataset, *, implicit: bool = True) -> Dataset:
    """`dataset` as the other side reads it."""
    encoded = encode(dataset, implicit, True)
    assert encoded is not None
    return decode(BytesIO(encoded), implicit, True)


def read(answer: FindAnswer, *, implicit: bool = True, little_endian: bool = True) -> Dataset:
    """An answer as the requestor reads it."""
    assert isinstance(answer.identifier, bytes)
    return decode(BytesIO(answer.identifier), implicit, little_endian)


def request(
    asked: Dataset,
    *,
    root: Root = Root.STUDY,
    relational: bool = False,
    cancelled: Iterable[bool] = (),
) -> FindRequest:
    looks = iter(cancelled)
    return FindRequest(
        caller=VIEWER,
        root=root,
        identifier=on_the_wire(asked),
        relational=relational,
        cancelled=lambda: next(looks, False),
    )


def answers(asked: Dataset, *rows: Mapping[str, str], **options: object) -> list[FindAnswer]:
    scp = FindSCP(lambda query: iter(rows), ae_title="ECHONODE")
    return list(scp(request(asked, **options)))  # type: ignore[arg-type]


def status(asked: Dataset, **options: object) -> int:
    with pytest.raises(DimseFailure) as failure:
        answers(asked, STUDY, **options)
    assert failure.value.comment
    return failure.value.status


# --- what is asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "root"),
    [
        (identifier(None), Root.STUDY),
        (identifier(""), Root.STUDY),
        (identifier("FRAME"), Root.STUDY),
        (identifier("PATIENT"), Root.STUDY),
        # An upper unique key is missing, multiple or wild (C.4.1.3.1.1; dcm4chee-arc issue 4252).
        (identifier("SERIES"), Root.STUDY),
        (identifier("IMAGE", StudyInstanceUID="1.2.3"), Root.STUDY),
        (identifier("SERIES", StudyInstanceUID=["1.2.3", "1.2.4"]), Root.STUDY),
        (identifier("IMAGE", StudyInstanceUID="1.2.3", SeriesInstanceUID="*"), Root.STUDY),
        (identifier("STUDY", PatientID="P*"), Root.PATIENT),
        (identifier("SERIES", StudyInstanceUID="1.2.3"), Root.PATIENT_STUDY_ONLY),
        (identifier("IMAGE", SOPInstanceUID="1.2.3.4.5"), Root.PATIENT_STUDY_ONLY),
        (identifier("SERIES", PatientID="P1"), Root.PATIENT),
        (identifier("IMAGE", Modality="US"), Root.PATIENT),
    ],
)
def test_an_identifier_that_does_not_fit_the_root_is_refused(asked: Dataset, root: Root) -> None:
    """A level that is not there, or a missing unique key above it, is answered A900 with a word
    of why, and never by searching everything."""
    assert status(asked, root=root) == 0xA900


@pytest.mark.parametrize(
    ("asked", "root"),
    [
        (identifier("STUDY"), Root.STUDY),
        (identifier("study "), Root.STUDY),
        (identifier("PATIENT"), Root.PATIENT),
        (identifier("PATIENT"), Root.PATIENT_STUDY_ONLY),
        (identifier("STUDY", PatientID="P1"), Root.PATIENT_STUDY_ONLY),
        (identifier("STUDY", PatientID="P1"), Root.PATIENT),
        # One row a study: nothing is searched that the Study Root does not search.
        (identifier("STUDY", StudyDate="20260705"), Root.PATIENT),
        (identifier("SERIES", StudyInstanceUID="1.2.3"), Root.STUDY),
        (identifier("IMAGE", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4"), Root.STUDY),
        # A UID says where it belongs; dcm4che issue 587: a viewer asks by SOP Instance UID alone.
        (identifier("IMAGE", SOPInstanceUID="1.2.3.4.5"), Root.STUDY),
        (identifier("IMAGE", SeriesInstanceUID="1.2.3.4"), Root.PATIENT),
        (identifier("STUDY", StudyInstanceUID=["1.2.3", "1.2.4"]), Root.PATIENT),
    ],
)
def test_an_identifier_that_leads_to_one_place_is_taken(asked: Dataset, root: Root) -> None:
    """What the standard allows, and what viewers leave out although it is implied."""
    assert len(answers(asked, IMAGE, root=root)) == 1


def test_relational_queries_need_no_keys_above_their_level() -> None:
    """Once negotiated (C.5.1.1), a series may be looked for in all studies."""
    asked = identifier("SERIES", Modality="US")
    assert status(asked) == 0xA900
    assert len(answers(asked, IMAGE, relational=True)) == 1


def test_a_peer_that_is_configured_so_queries_relationally_unnegotiated() -> None:
    """`relational: true`: DCMTK's findscu cannot negotiate it, Orthanc's REST does not."""
    scp = FindSCP(lambda query: iter([IMAGE]), ae_title="ECHONODE")
    for asked, root in (
        (identifier("SERIES", Modality="US"), Root.STUDY),
        (identifier("IMAGE", InstanceNumber="1"), Root.PATIENT),
    ):
        made = replace(request(asked, root=root), caller=replace(VIEWER, relational=True))
        assert len(list(scp(made))) == 1


def test_the_store_is_asked_with_criteria_and_never_with_what_is_no_key() -> None:
    """Level, character set, retrieve AE title and time zone say how to read a query; they are
    not matched (Orthanc found nothing while it matched the time zone)."""
    asked = identifier(
        AccessionNumber="A1",
        PatientName="",
        SpecificCharacterSet="ISO_IR 100",
        RetrieveAETitle="OTHER",
        InstanceAvailability="OFFLINE",
        TimezoneOffsetFromUTC="+0100",
    )
    taken = read_identifier(on_the_wire(asked), root=Root.STUDY, relational=False)
    assert taken.query == Query(
        root=Root.STUDY, level=Level.STUDY, criteria={"AccessionNumber": SingleValue("A1")}
    )
    assert taken.timezone_offset == "+0100"
    assert not taken.unsupported


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"PatientName": "DOE*"}, 1),
        ({"PatientName": "ROE*"}, 0),
        ({"StudyDate": "20260701-", "StudyTime": "10-11"}, 1),
        ({"StudyDate": "-20260701"}, 0),
        ({"ModalitiesInStudy": ["CT", "SR"]}, 1),
        ({"NumberOfStudyRelatedInstances": "14"}, 1),
        ({"PatientID": "p1"}, 0),
        ({"StudyDescription": "Abd_men"}, 0),
        # SERIES level key at STUDY level: taken for Modalities in Study (pynetdicom issue 522).
        ({"Modality": "US"}, 1),
        ({"Modality": "CT"}, 0),
        # Optional keys that the index does not hold do not narrow (C.2.2.1.3).
        ({"PatientComments": ""}, 1),
        ({"StudyComments": "whatever"}, 1),
        ({"SeriesDescription": "whatever"}, 1),
    ],
)
def test_rows_that_only_the_store_lets_through_are_held_back(
    keys: dict[str, str], expected: int
) -> None:
    """The store may give too much; an answer goes out only when every key matches."""
    assert len(answers(identifier(**keys), STUDY)) == expected


def test_a_key_that_its_vr_forbids_is_still_read() -> None:
    """`*` in a number, or a range in a date, never breaks a query, as it comes from the wire."""
    asked = Dataset()
    asked.QueryRetrieveLevel = "IMAGE"
    asked.SOPInstanceUID = "1.2.3.4.5"
    raw = on_the_wire(asked)
    raw[0x00200013] = DataElement(0x00200013, "LO", "*")  # Instance Number, an IS
    raw[0x00080023] = DataElement(0x00080023, "LO", "20260101-20261231 ")  # Content Date
    scp = FindSCP(lambda query: iter([IMAGE, {**IMAGE, "ContentDate": "20260705"}]), ae_title="E")
    assert len(list(scp(request(raw)))) == 1


def test_binary_keys_and_date_times_are_matched_too() -> None:
    """Rows is a number of two bytes; the query's time zone reads date-times that name none."""
    row = {**IMAGE, "AcquisitionDateTime": "20260705103000"}
    one = {"SOPInstanceUID": "1.2.3.4.5"}
    assert len(answers(identifier("IMAGE", **one, Rows=480), row)) == 1
    assert not answers(identifier("IMAGE", **one, Rows=481), row)
    moment = {**one, "AcquisitionDateTime": "20260705083000+0000"}
    assert len(answers(identifier("IMAGE", **moment, TimezoneOffsetFromUTC="+0200"), row)) == 1
    assert not answers(identifier("IMAGE", **moment, TimezoneOffsetFromUTC="+0100"), row)


def test_group_lengths_are_no_keys() -> None:
    """Old senders put them in (PS3.5 7.2); they are not unsupported keys."""
    raw = on_the_wire(identifier())
    raw[0x00080000] = DataElement(0x00080000, "UL", 42)
    assert not read_identifier(raw, root=Root.STUDY, relational=False).unsupported


# --- what is answered ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transfer_syntax_uid", "implicit", "little_endian"),
    [
        (ImplicitVRLittleEndian, True, True),
        (ExplicitVRLittleEndian, False, True),
        (ExplicitVRBigEndian, False, False),
    ],
)
def test_an_answer_has_what_was_asked_and_says_where_it_can_be_had(
    transfer_syntax_uid: str, implicit: bool, little_endian: bool
) -> None:
    """Asked keys with their values in their VR, unique keys always (RadiAnt shows nothing without:
    dcm4chee-arc issue 1263), level, retrieve AE title and availability; nothing else; in the
    transfer syntax of the context, whatever that is."""
    asked = identifier(
        PatientName="",
        StudyTime="",
        StudyID="",
        ModalitiesInStudy="",
        NumberOfStudyRelatedInstances="",
        SOPClassesInStudy="",
    )
    scp = FindSCP(lambda query: iter([STUDY]), ae_title="ECHONODE")
    [answer] = scp(replace(request(asked), transfer_syntax_uid=transfer_syntax_uid))
    got = read(answer, implicit=implicit, little_endian=little_endian)
    assert not answer.unsupported_keys
    assert {element.keyword: element.value for element in got} == {
        "QueryRetrieveLevel": "STUDY",
        "RetrieveAETitle": "ECHONODE",
        "InstanceAvailability": "ONLINE",
        "StudyInstanceUID": "1.2.3",
        "PatientName": "Doe^Jane",
        "StudyTime": "1030",
        "StudyID": "",
        "ModalitiesInStudy": ["US", "SR"],
        "NumberOfStudyRelatedInstances": 14,
        "SOPClassesInStudy": STUDY["SOPClassesInStudy"].split("\\"),
    }


def test_values_are_padded_to_even_length_each_in_its_way() -> None:
    """UIDs with a NUL, text with a space (PS3.5 6.2)."""
    [answer] = answers(identifier(PatientID="", AccessionNumber=""), {**STUDY, "PatientID": "P"})
    assert isinstance(answer.identifier, bytes)
    assert b"1.2.3\0" in answer.identifier
    assert b"P " in answer.identifier


def test_the_bytes_of_an_answer() -> None:
    """Every element as PS3.5 7.1 has it, in the order of the tags."""
    [answer] = answers(
        identifier("IMAGE", SOPInstanceUID="1.2.3.4.5", Rows=None, StudyComments=""), IMAGE
    )
    assert answer.identifier == b"".join(
        [
            b"\x08\x00\x18\x00\x0a\x00\x00\x001.2.3.4.5\x00",  # SOP Instance UID
            b"\x08\x00\x52\x00\x06\x00\x00\x00IMAGE ",  # Query/Retrieve Level
            b"\x08\x00\x54\x00\x08\x00\x00\x00ECHONODE",  # Retrieve AE Title
            b"\x08\x00\x56\x00\x06\x00\x00\x00ONLINE",  # Instance Availability
            b"\x20\x00\x0d\x00\x06\x00\x00\x001.2.3\x00",  # Study Instance UID
            b"\x20\x00\x0e\x00\x08\x00\x00\x001.2.3.4\x00",  # Series Instance UID
            b"\x28\x00\x10\x00\x02\x00\x00\x00\xe0\x01",  # Rows, a number: 480
            b"\x32\x00\x00\x40\x00\x00\x00\x00",  # Study Comments, which we do not hold
        ]
    )


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("name", ["Doe^Jane", "Müller^Jörg", "Yamada=山田"])
def test_pydicom_writes_the_same_bytes(name: str, implicit: bool) -> None:
    """A second opinion on the encoding: what pydicom makes of the answer is the answer."""
    keys = {attribute.keyword: "" for attribute in of_level(Level.STUDY)}
    asked = identifier(**{**keys, "PatientName": "", "OtherPatientIDs": "", "PatientSex": ""})
    row = {**STUDY, "PatientName": name, "OtherPatientIDs": "A\\B", "PatientWeight": "71.5"}
    scp = FindSCP(lambda query: iter([row]), ae_title="ECHONODE")
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    [answer] = scp(replace(request(asked), transfer_syntax_uid=syntax))
    again = Dataset()
    for element in read(answer, implicit=implicit):
        again.add(DataElement(element.tag, element.VR, element.value))
    assert encode(again, implicit, True) == answer.identifier


def test_unsupported_keys_come_back_empty_and_say_so() -> None:
    """Keys we do not hold, of lower levels, private ones and sequences: zero length and FF01."""
    item = Dataset()
    item.CodeValue = "T-1"
    asked = identifier(
        StudyComments="x", SeriesDescription="y", ProcedureCodeSequence=Sequence([item])
    )
    asked.add_new(0x00091001, "LO", "private")
    [answer] = answers(asked, STUDY)
    assert answer.unsupported_keys
    got = read(answer)
    assert (got.StudyComments, got.SeriesDescription) == ("", "")
    assert len(got.ProcedureCodeSequence) == 0
    assert not got[0x00091001].value


def test_an_answer_holds_the_unique_keys_of_all_levels_above() -> None:
    """An image can be retrieved from its answer alone; in the Patient Root with its patient."""
    asked = identifier("IMAGE", SOPInstanceUID="1.2.3.4.5")
    [answer] = answers(asked, IMAGE, root=Root.PATIENT)
    got = read(answer)
    assert (got.PatientID, got.StudyInstanceUID) == ("P1", "1.2.3")
    assert (got.SeriesInstanceUID, got.SOPInstanceUID) == ("1.2.3.4", "1.2.3.4.5")


# --- character sets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requested", "name", "declared"),
    [
        (None, "Doe^Jane", None),
        ("ISO_IR 100", "Doe^Jane", None),
        (None, "Müller^Jörg", "ISO_IR 192"),
        ("ISO_IR 100", "Müller^Jörg", "ISO_IR 100"),
        ("ISO_IR 100", "Διονυσιος", "ISO_IR 192"),
        ("ISO-IR 126", "Διονυσιος", "ISO_IR 126"),
        ("ISO_IR 192", "Müller^Jörg", "ISO_IR 192"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", ["", "ISO 2022 IR 87"]),
        (["", "ISO 2022 IR 87"], "Müller^Jörg", "ISO_IR 192"),
        (JAPANESE, "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎", JAPANESE),
        (["ISO 2022 IR 13", "ISO 2022 IR 100"], "山田^太郎", "ISO_IR 192"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", ["", "ISO 2022 IR 149"]),
        ("GB18030", "Wang^XiaoDong=王^小东", "GB18030"),
        ("KLINGON", "Müller^Jörg", "ISO_IR 100"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Unknown encoding", "ignore:Incorrect value for Specific")
def test_an_answer_is_in_a_character_set_that_its_reader_knows(
    requested: str | list[str] | None, name: str, declared: str | list[str] | None
) -> None:
    """None for plain ASCII; the requestor's where it can carry the answer; else UTF-8. What is
    declared is what decodes it."""
    asked = identifier(PatientName="")
    raw = on_the_wire(asked)
    if requested is not None:
        terms = "\\".join([requested] if isinstance(requested, str) else requested)
        raw[0x00080005] = DataElement(0x00080005, "CS", terms, validation_mode=IGNORE)
    scp = FindSCP(lambda query: iter([{**STUDY, "PatientName": name}]), ae_title="ECHONODE")
    [answer] = scp(
        FindRequest(
            caller=VIEWER, root=Root.STUDY, identifier=raw, relational=False,
            cancelled=lambda: False,
        )
    )  # fmt: skip
    got = read(answer)
    assert got.get("SpecificCharacterSet") == declared
    assert str(got.PatientName) == name


def test_names_asked_for_in_any_real_character_set_are_found(shared_data: Path) -> None:
    """A query whose name has the bytes and character set of a real file finds that name."""
    files = sorted((shared_data / "other").glob("charset_*.dcm"))
    assert files
    for path in files:
        real = pydicom.dcmread(path)
        name = str(real.get("PatientName", ""))
        if not name:
            continue
        asked = identifier(PatientName=real.PatientName)
        if "SpecificCharacterSet" in real:
            asked.SpecificCharacterSet = real.SpecificCharacterSet
        row = {**STUDY, "PatientName": name}
        [answer] = answers(asked, row, {**STUDY, "PatientName": "Other^Name"})
        assert str(read(answer).PatientName) == name, path.name


@pytest.mark.parametrize(
    ("terms", "encoded", "name"),
    [
        # The second byte of a kanji is no delimiter, though its code is that of `=`: 0x3D29.
        (("", "ISO 2022 IR 87"), b"Aki=\x1b$B=);3\x1b(B^A", "Aki=秋山^A"),
        # After `^` and `=` the first set is in use again.
        (("ISO 2022 IR 126", "ISO 2022 IR 100"), b"\x1b-A\xe9^\xe9", "é^\u03b9"),
        (("ISO 2022 IR 126", "ISO 2022 IR 100"), b"\x1b-A\xe9=\xe9", "é=\u03b9"),
        # Bytes that are not of the set: the query finds less, and is not refused.
        (("ISO_IR 192",), b"M\xfcller", "M\ufffdller"),
    ],
)
def test_a_name_is_decoded_by_the_rules_of_code_extension(
    terms: tuple[str, ...], encoded: bytes, name: str
) -> None:
    """Escape sequences, and what ends them (PS3.5 6.1.2.5.3)."""
    assert declared(terms).decode("PN", encoded) == name


# --- how it runs --------------------------------------------------------------------------------


def test_answers_stream_and_cancel_closes_the_cursor() -> None:
    """Nothing is read ahead of what was answered; after C-CANCEL no further row is, and the
    store's cursor is closed."""
    looked_at: list[int] = []
    closed: list[bool] = []

    def rows(query: Query) -> Iterator[Mapping[str, str]]:
        try:
            for number in range(1_000_000):
                looked_at.append(number)
                yield STUDY
        finally:
            closed.append(True)

    cursor = rows(read_identifier(identifier(), root=Root.STUDY, relational=False).query)
    scp = FindSCP(lambda query: cursor, ae_title="ECHONODE")
    running = scp(request(identifier(), cancelled=[False, False, True]))
    next(iter(running))
    assert looked_at == [0]
    assert len(list(running)) == 1
    assert looked_at == [0, 1, 2]
    assert closed == [True]


def test_cancel_is_seen_while_nothing_matches() -> None:
    """A query without answers can be cancelled as well."""
    rows = iter([STUDY] * 100)
    scp = FindSCP(lambda query: rows, ae_title="ECHONODE")
    asked = identifier(PatientName="Nobody")
    assert not list(scp(request(asked, cancelled=[False] * 10 + [True])))
    assert len(list(rows)) == 89


def test_a_viewer_that_vanishes_leaves_nothing_open() -> None:
    """The loss goes up, the cursor is closed, the place is free, the log says how far it got."""
    closed: list[bool] = []

    def rows(query: Query) -> Iterator[Mapping[str, str]]:
        try:
            yield STUDY
            yield STUDY
        finally:
            closed.append(True)

    def gone() -> bool:
        raise AssociationLost("hung up")

    scp = FindSCP(rows, ae_title="ECHONODE", queries_at_once_per_peer=1)
    with structlog.testing.capture_logs() as lines, pytest.raises(AssociationLost):
        list(scp(replace(request(identifier()), cancelled=gone)))
    assert closed == [True]
    assert (lines[0]["answers"], lines[0]["complete"]) == (0, False)
    assert len(list(scp(request(identifier())))) == 2


def test_one_peer_cannot_take_all_cursors() -> None:
    """Beyond its places a peer is answered A700; a finished or abandoned query frees its place."""
    scp = FindSCP(lambda query: iter([STUDY]), ae_title="ECHONODE", queries_at_once_per_peer=2)
    first, second = scp(request(identifier())), scp(request(identifier()))
    next(iter(first)), next(iter(second))
    with pytest.raises(DimseFailure) as failure:
        list(scp(request(identifier())))
    assert failure.value.status == 0xA700
    list(first)
    assert len(list(scp(request(identifier())))) == 1
    second.close()  # type: ignore[attr-defined]
    assert len(list(scp(request(identifier())))) == 1


def test_the_log_says_how_much_and_how_long_but_never_what_was_asked() -> None:
    """One `query_answered` a query, with no key and no value of it."""
    clock = iter([10.0, 10.25])
    scp = FindSCP(lambda query: iter([STUDY]), ae_title="ECHONODE", monotonic=lambda: next(clock))
    with structlog.testing.capture_logs() as lines:
        list(scp(request(identifier(PatientName="Doe*"))))
    [line] = lines
    assert line["event"] == "query_answered"
    assert (line["ae_title"], line["query_retrieve_level"]) == ("VIEWER", "STUDY")
    assert (line["answers"], line["milliseconds"], line["complete"]) == (1, 250.0, True)
    assert "Doe" not in str(line)

"""Keys that the index does not hold: sequences, and whatever else a stored file has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Sequence as Rows

import pytest
import structlog
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from echonode.dimse.services import FindAnswer
from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Level, Root, Selection
from echonode.query_retrieve import file_values
from echonode.query_retrieve.file_keys import SERVED_VRS, UPPER_LEVELS, served
from echonode.query_retrieve.find_scp import FindSCP
from tests.unit.query_retrieve.test_find_scp import (
    IMAGE,
    STUDY,
    identifier,
    on_the_wire,
    read,
    request,
)


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def stored() -> Dataset:
    """What a file of IMAGE holds beyond the index."""
    ds = item(
        SpecificCharacterSet="ISO_IR 100",
        SecondaryCaptureDeviceID="GRABBER 7",
        FrameTime="33.3",
        RecommendedDisplayFrameRate="30",
        TransducerData=["C5-1", "CURVED"],
        DeviceSerialNumber="SN1",
        ReferencePixelX0=-12,
        PhysicalDeltaX=0.0625,
        InstitutionAddress="Zürich",
    )
    ds.RequestAttributesSequence = Sequence(
        [
            item(ScheduledProcedureStepID="S1", RequestedProcedureID="R1"),
            item(ScheduledProcedureStepID="S2", RequestedProcedureID="R2"),
        ]
    )
    ds.ProcedureCodeSequence = Sequence(
        [item(CodeValue="P1", CodingSchemeDesignator="99X", CodeMeaning="Écho")]
    )
    ds.OtherPatientIDsSequence = Sequence([item(PatientID="OTHER1", TypeOfPatientID="TEXT")])
    ds.ReferencedStudySequence = Sequence([item(ReferencedSOPInstanceUID="1.9")])
    return ds


class Files:
    """Reads always the same file, and says of what."""

    def __init__(self, ds: Dataset | None = None) -> None:
        self.ds = stored() if ds is None else ds
        self.selections: list[Selection] = []

    def __call__(self, selection: Selection, tags: Collection[int]) -> Dataset | None:
        self.selections.append(selection)
        return on_the_wire(self.ds, implicit=False)


def ask(
    asked: Dataset,
    *,
    files: Files | None = None,
    rows: Rows[Mapping[str, str]] = (IMAGE,),
    **options: object,
) -> list[FindAnswer]:
    scp = FindSCP(lambda query: iter(rows), ae_title="ECHONODE", read_file=files or Files())
    options.setdefault("relational", True)
    return list(scp(request(asked, **options)))  # type: ignore[arg-type]


def sequence_key(keyword: str, **keys: object) -> Dataset:
    level = UPPER_LEVELS[keyword]
    asked = identifier(level.value if level is not Level.PATIENT else "STUDY")
    setattr(asked, keyword, Sequence([item(**keys)]))
    return asked


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (sequence_key("RequestAttributesSequence", ScheduledProcedureStepID="S2"), 1),
        (sequence_key("RequestAttributesSequence", ScheduledProcedureStepID="X"), 0),
        # Both keys within one item (C.2.2.2.6).
        (
            sequence_key(
                "RequestAttributesSequence",
                ScheduledProcedureStepID="S2",
                RequestedProcedureID="R2",
            ),
            1,
        ),
        (
            sequence_key(
                "RequestAttributesSequence",
                ScheduledProcedureStepID="S1",
                RequestedProcedureID="R2",
            ),
            0,
        ),
        (sequence_key("ProcedureCodeSequence", CodeValue="P?", CodeMeaning=""), 1),
        (sequence_key("ProcedureCodeSequence", CodeValue="Q*"), 0),
        (sequence_key("OtherPatientIDsSequence", PatientID="OTHER*"), 1),
        (sequence_key("ReferencedStudySequence", ReferencedSOPInstanceUID=["1.8", "1.9"]), 1),
        (sequence_key("ReferencedStudySequence", ReferencedSOPInstanceUID="1.8"), 0),
        (identifier("IMAGE", SecondaryCaptureDeviceID="GRABBER*"), 1),
        (identifier("IMAGE", SecondaryCaptureDeviceID="OTHER"), 0),
        (identifier("IMAGE", FrameTime="33.30"), 1),
        (identifier("IMAGE", RecommendedDisplayFrameRate="25"), 0),
        (identifier("IMAGE", TransducerData="CURVED"), 1),
        (identifier("IMAGE", ReferencePixelX0=-12), 1),
        (identifier("IMAGE", PhysicalDeltaX=0.0625), 1),
        (identifier("IMAGE", HeartRate="60"), 0),  # unknown: the file has none
        (identifier("SERIES", DeviceSerialNumber="SN1"), 1),
    ],
)
def test_what_the_index_does_not_hold_is_matched_from_the_file(
    asked: Dataset, expected: int
) -> None:
    """Sequences by their items, other attributes by their VR; supported, so the status is FF00."""
    found = ask(asked)
    assert len(found) == expected
    assert not any(answer.unsupported_keys for answer in found)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_what_the_file_holds_is_returned(syntax: str) -> None:
    """Text, numbers and items, in the answer's own transfer syntax and character set."""
    asked = identifier(
        "IMAGE",
        SecondaryCaptureDeviceID="",
        FrameTime="",
        TransducerData="",
        ReferencePixelX0=None,
        PhysicalDeltaX=None,
        InstitutionAddress="",
        HeartRate="",
    )
    asked.RequestAttributesSequence = Sequence([item(RequestedProcedureID="")])
    asked.ProcedureCodeSequence = Sequence()
    made = request(asked, relational=True)
    scp = FindSCP(lambda query: iter([IMAGE]), ae_title="ECHONODE", read_file=Files())
    made = type(made)(**{**vars(made), "transfer_syntax_uid": syntax})
    [answer] = scp(made)
    got = read(
        answer,
        implicit=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
    )
    assert not answer.unsupported_keys
    assert got.SecondaryCaptureDeviceID == "GRABBER 7"
    assert float(got.FrameTime) == 33.3
    assert list(got.TransducerData) == ["C5-1", "CURVED"]
    assert got.ReferencePixelX0 == -12
    assert got.PhysicalDeltaX == 0.0625
    assert got.InstitutionAddress == "Zürich"
    assert got["HeartRate"].is_empty
    assert [list(each.keys()) for each in got.RequestAttributesSequence] == [[0x00401001]] * 2
    assert [each.RequestedProcedureID for each in got.RequestAttributesSequence] == ["R1", "R2"]
    assert got.ProcedureCodeSequence[0].CodeMeaning == "Écho"
    assert encode(got, True, True) is not None


def test_only_rows_that_the_index_lets_through_cost_a_file() -> None:
    """The indexed keys narrow first; a query of indexed keys alone reads nothing."""
    files = Files()
    rows = [
        {**IMAGE, "InstanceNumber": str(number), "SOPInstanceUID": f"1.{number}"}
        for number in range(10)
    ]
    assert (
        len(ask(identifier("IMAGE", InstanceNumber="3", FrameTime=""), files=files, rows=rows)) == 1
    )
    [selection] = files.selections
    assert (selection.level, selection.keys["SOPInstanceUID"]) == (Level.IMAGE, ("1.3",))
    ask(identifier("IMAGE", InstanceNumber="3"), files=files, rows=rows)
    assert len(files.selections) == 1


def test_a_query_reads_a_limited_number_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the rows after that such keys are unsupported: not matched, empty, FF01."""
    monkeypatch.setattr(file_values, "MOST_FILES", 3)
    files = Files()
    rows = [{**IMAGE, "SOPInstanceUID": f"1.{number}"} for number in range(5)]
    found = ask(identifier("IMAGE", SecondaryCaptureDeviceID="GRABBER 7"), files=files, rows=rows)
    assert [answer.unsupported_keys for answer in found] == [False] * 3 + [True] * 2
    assert [read(answer).SecondaryCaptureDeviceID for answer in found[2:]] == ["GRABBER 7", "", ""]
    assert len(files.selections) == 3


def test_cancel_is_seen_between_two_files() -> None:
    """C-CANCEL ends the reading of files as it ends everything."""
    files = Files()
    looks = iter([False, False])
    asked = identifier("IMAGE", SecondaryCaptureDeviceID="NOTHING")
    assert ask(asked, files=files, rows=[IMAGE] * 10, cancelled=[*looks, True]) == []
    assert len(files.selections) == 2


def test_a_file_that_cannot_be_read_is_its_own_failure() -> None:
    """It has no values, is logged by UID and kind alone, and the other rows are answered."""

    class Broken(Files):
        def __call__(self, selection: Selection, tags: Collection[int]) -> Dataset | None:
            if selection.keys["SOPInstanceUID"] == ("1.1",):
                raise ValueError("Doe^Jane")
            return super().__call__(selection, tags)

    rows = [{**IMAGE, "SOPInstanceUID": f"1.{number}"} for number in range(3)]
    with structlog.testing.capture_logs() as logs:
        found = ask(identifier("IMAGE", SecondaryCaptureDeviceID=""), files=Broken(), rows=rows)
    values = [str(read(answer).SecondaryCaptureDeviceID or "") for answer in found]
    assert values == ["GRABBER 7", "", "GRABBER 7"]
    assert "Doe" not in str(logs)
    [told] = [event for event in logs if event["event"] == "file_not_read_for_query"]
    assert told["uid"] == "1.1"


@pytest.mark.parametrize(
    "asked",
    [
        identifier("STUDY", FrameTime=""),  # of the IMAGE level
        identifier("STUDY", RequestAttributesSequence=Sequence()),  # of the SERIES level
        identifier("IMAGE", EncapsulatedDocument=b""),
        identifier("IMAGE", FrameIncrementPointer=None),
    ],
)
def test_what_is_not_of_the_level_or_no_value_stays_unsupported(asked: Dataset) -> None:
    """It comes back empty, the answer is FF01, and no file is read for it."""
    files = Files()
    [answer] = ask(asked, files=files)
    assert answer.unsupported_keys
    assert not files.selections


def test_a_sequence_key_has_one_item() -> None:
    """C.2.2.2.6: a sequence key with several items is answered A900."""
    asked = identifier("SERIES")
    asked.RequestAttributesSequence = Sequence([item(RequestedProcedureID="A")] * 2)
    with pytest.raises(Exception, match="A900"):
        ask(asked)


def test_keys_within_keys_are_bounded_too() -> None:
    """The limits of keys hold inside items, and nesting has one of its own."""
    deep = item(CodeValue="1")
    for _ in range(20):
        deep = item(ProcedureCodeSequence=Sequence([deep]))
    deep.QueryRetrieveLevel = "STUDY"
    wide = identifier("STUDY")
    wide.ProcedureCodeSequence = Sequence([identifier(None, CodeMeaning="x" * 2000)])
    for asked in (deep, wide):
        with pytest.raises(Exception, match="A900"):
            ask(asked)


def test_an_entity_is_named_to_the_store_by_its_unique_keys() -> None:
    """Also by the issuer of its Patient ID; a patient without an ID has no file."""
    files = Files()
    row = {**STUDY, "IssuerOfPatientID": "CLINIC"}
    asked = identifier("STUDY")
    asked.ProcedureCodeSequence = Sequence()
    ask(asked, files=files, rows=[row])
    [selection] = files.selections
    assert selection.keys == {
        "PatientID": ("P1",),
        "StudyInstanceUID": ("1.2.3",),
        "IssuerOfPatientID": ("CLINIC",),
    }
    asked = identifier("PATIENT")
    asked.OtherPatientIDsSequence = Sequence()
    [answer] = ask(asked, files=files, rows=[{**STUDY, "PatientID": ""}], root=Root.PATIENT)
    assert answer.unsupported_keys


def test_the_attributes_of_upper_levels_are_of_the_dictionary_and_not_of_the_index() -> None:
    """A misspelt keyword would be of the IMAGE level, unseen."""
    for keyword in UPPER_LEVELS:
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword

        found = served(Tag(tag))
        assert found is not None, keyword
        assert found.vr in SERVED_VRS
        assert keyword not in ATTRIBUTES

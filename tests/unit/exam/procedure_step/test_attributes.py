"""What a RIS gets of a step: the order as it was given, and every series and instance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.dimse.messages.datasets import from_bytes, to_bytes
from echonode.exam.procedure_step.attributes import (
    StepStation,
    created,
    creation,
    finished,
    modification,
    series_made,
)
from echonode.model.discontinuation import REASONS, UNSPECIFIED
from echonode.model.worklist_item import Code, Reference
from echonode.objects.order_table import LEFT_OUT, ROWS
from tests.unit.objects.orders import BEGAN, STEP, ordered, ordered_for

OFFSET = timezone(timedelta(hours=1))
STATION = StepStation(ae_title="US1", name="ROOM-1", retrieve_ae_title="PACS")
US_IMAGE, US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
SR, PDF = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.104.1"

# keyword path -> what the N-CREATE of FULL_ITEM has there: written out, not computed.
IN_THE_STEP = {
    "SpecificCharacterSet": "ISO_IR 192",
    "ScheduledStepAttributesSequence>StudyInstanceUID": "1.2.276.99.2.1",
    "ScheduledStepAttributesSequence>ReferencedStudySequence>ReferencedSOPInstanceUID": (
        "1.2.276.99.4"
    ),
    "ScheduledStepAttributesSequence>AccessionNumber": "ACC-55",
    "ScheduledStepAttributesSequence>IssuerOfAccessionNumberSequence>LocalNamespaceEntityID": "RIS",
    "ScheduledStepAttributesSequence>PlacerOrderNumberImagingServiceRequest": "PL-1",
    "ScheduledStepAttributesSequence>FillerOrderNumberImagingServiceRequest": "FI-1",
    "ScheduledStepAttributesSequence>OrderPlacerIdentifierSequence>LocalNamespaceEntityID": "HIS",
    "ScheduledStepAttributesSequence>OrderFillerIdentifierSequence>LocalNamespaceEntityID": "RIS",
    "ScheduledStepAttributesSequence>RequestedProcedureID": "RP-8",
    "ScheduledStepAttributesSequence>RequestedProcedureDescription": "Abdominal ultrasound",
    "ScheduledStepAttributesSequence>RequestedProcedureCodeSequence>CodeValue": "45036003",
    "ScheduledStepAttributesSequence>ScheduledProcedureStepID": "SPS-9",
    "ScheduledStepAttributesSequence>ScheduledProcedureStepDescription": "Upper abdomen",
    "ScheduledStepAttributesSequence>ScheduledProtocolCodeSequence>CodeValue": "PR-1",
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "PatientID": "P-77",
    "PatientBirthDate": "19700228",
    "PatientSex": "M",
    "IssuerOfPatientID": "CLINIC",
    "IssuerOfPatientIDQualifiersSequence>UniversalEntityID": "1.2.276.99.1",
    "OtherPatientIDsSequence>PatientID": "WRIST-5",
    "ReferencedPatientSequence>ReferencedSOPInstanceUID": "1.2.276.99.5",
    "AdmissionID": "ADM-3",
    "IssuerOfAdmissionIDSequence>LocalNamespaceEntityID": "CLINIC",
    "ServiceEpisodeID": "EP-4",
    "IssuerOfServiceEpisodeIDSequence>LocalNamespaceEntityID": "CLINIC",
    "PerformedProcedureStepID": "E00000001",
    "PerformedStationAETitle": "US1",
    "PerformedStationName": "ROOM-1",
    "PerformedLocation": "Ultrasound 2",
    "PerformedProcedureStepStartDate": "20261120",
    "PerformedProcedureStepStartTime": "090000.123456",
    "PerformedProcedureStepStatus": "IN PROGRESS",
    "PerformedProcedureStepDescription": "Upper abdomen",
    "ProcedureCodeSequence>CodeValue": "45036003",
    "PerformedProtocolCodeSequence>CodeValue": "PR-1",
    "Modality": "US",
    "StudyID": "RP-8",
}
# PS3.4 table F.7.2-1, N-CREATE: type 2 for the SCU.
PRESENT = (
    *("ReferencedPatientSequence", "PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("PerformedStationName", "PerformedLocation", "PerformedProcedureStepDescription"),
    *("PerformedProcedureTypeDescription", "ProcedureCodeSequence", "StudyID"),
    *("PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime"),
    *("PerformedProtocolCodeSequence", "PerformedSeriesSequence"),
    "PerformedProcedureStepDiscontinuationReasonCodeSequence",
)
PRESENT_SCHEDULED = (
    *("StudyInstanceUID", "ReferencedStudySequence", "AccessionNumber", "RequestedProcedureID"),
    *("RequestedProcedureDescription", "ScheduledProcedureStepID"),
    *("ScheduledProcedureStepDescription", "ScheduledProtocolCodeSequence"),
)


def at(dataset: Dataset, path: str) -> str:
    *sequences, keyword = path.split(">")
    for sequence in sequences:
        dataset = dataset[sequence].value[0]
    return str(dataset[keyword].value)


def sent(dataset: Dataset) -> Dataset:
    """As the peer gets it: kept as JSON, and encoded."""
    kept = Dataset.from_json(dataset.to_json())
    return from_bytes(to_bytes(kept, ExplicitVRLittleEndian), ExplicitVRLittleEndian)


def over(discontinued: Code | None = None) -> Dataset:
    made = series_made(
        [
            ("1.2.3.1", Reference(sop_class_uid=US_IMAGE, sop_instance_uid="1.2.3.1.1")),
            ("1.2.3.1", Reference(sop_class_uid=US_MULTI_FRAME, sop_instance_uid="1.2.3.1.2")),
            ("1.2.3.2", Reference(sop_class_uid=SR, sop_instance_uid="1.2.3.2.1")),
            ("1.2.3.3", Reference(sop_class_uid=PDF, sop_instance_uid="1.2.3.3.1")),
        ]
    )
    return finished(
        created(ordered(), STATION, OFFSET),
        made,
        STATION,
        protocol_name=STEP.protocol_name,
        ended_at=BEGAN + timedelta(minutes=12),
        offset=OFFSET,
        discontinued=discontinued,
    )


def test_every_attribute_of_the_order_is_at_its_place() -> None:
    """Compared one by one, in what the peer receives."""
    read = sent(created(ordered(), STATION, OFFSET))
    assert {path: at(read, path) for path in IN_THE_STEP} == IN_THE_STEP


def test_no_row_is_left_unlooked_at() -> None:
    """The comparison above names every place of the table in the step."""
    places = {row.step for row in ROWS if row.step}
    assert [p for p in places if not any(path.startswith(p) for path in IN_THE_STEP)] == []


def test_what_is_required_is_present_though_empty() -> None:
    """Of an exam without an order: servers refuse the step without type 2 attributes."""
    facts = replace(ordered(), worklist_item=None, accession_number="", study_id="")
    read = sent(created(facts, STATION, OFFSET))
    assert [keyword for keyword in PRESENT if keyword not in read] == []
    [scheduled] = read.ScheduledStepAttributesSequence
    assert [keyword for keyword in PRESENT_SCHEDULED if keyword not in scheduled] == []
    assert scheduled.StudyInstanceUID == ordered().study_instance_uid


@pytest.mark.parametrize(
    "name",
    [
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "Hong^Gildong=洪^吉洞=홍^길동",
        "قباني^لنزار",
        "Διονυσιος",
    ],
)
def test_names_are_reported_unchanged(name: str) -> None:
    """In UTF-8, as in the images."""
    read = sent(created(ordered_for(name), STATION, OFFSET))
    assert (read.SpecificCharacterSet, str(read.PatientName)) == ("ISO_IR 192", name)


def test_the_end_names_every_series_and_every_instance() -> None:
    """Images and other documents apart; with where to retrieve them."""
    read = sent(modification(over()))
    assert read.PerformedProcedureStepStatus == "COMPLETED"
    assert read.PerformedProcedureStepEndTime == "091200.123456"
    got = [
        (
            item.SeriesInstanceUID,
            [one.ReferencedSOPInstanceUID for one in item.ReferencedImageSequence],
            [
                one.ReferencedSOPInstanceUID
                for one in item.ReferencedNonImageCompositeSOPInstanceSequence
            ],
        )
        for item in read.PerformedSeriesSequence
    ]
    assert got == [
        ("1.2.3.1", ["1.2.3.1.1", "1.2.3.1.2"], []),
        ("1.2.3.2", [], ["1.2.3.2.1"]),
        ("1.2.3.3", [], ["1.2.3.3.1"]),
    ]
    for item in read.PerformedSeriesSequence:
        assert (item.ProtocolName, item.RetrieveAETitle) == ("Abdomen, short", "PACS")
        for keyword in ("PerformingPhysicianName", "OperatorsName", "SeriesDescription"):
            assert keyword in item


def test_a_modification_holds_nothing_that_may_not_be_set() -> None:
    """PS3.4 table F.7.2-1: identity, order and start are of the N-CREATE alone."""
    read = sent(modification(over()))
    for keyword in (
        *("PatientName", "PatientID", "ScheduledStepAttributesSequence", "StudyID", "Modality"),
        *("PerformedProcedureStepID", "PerformedStationAETitle"),
        *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "AdmissionID"),
    ):
        assert keyword not in read


def test_a_creation_that_is_late_is_as_it_would_have_been() -> None:
    """The peer was away until the exam was over: it gets the beginning first."""
    assert sent(creation(over())) == sent(created(ordered(), STATION, OFFSET))


def test_a_discontinued_step_says_why() -> None:
    """PS3.16 CID 9300."""
    read = sent(modification(over(REASONS[UNSPECIFIED])))
    assert read.PerformedProcedureStepStatus == "DISCONTINUED"
    [reason] = read.PerformedProcedureStepDiscontinuationReasonCodeSequence
    assert (reason.CodeValue, reason.CodingSchemeDesignator) == ("110513", "DCM")


def test_what_is_left_out_of_images_is_left_out_here() -> None:
    """Allergies, visit comments and the like."""
    read = sent(over())
    for keyword in LEFT_OUT:
        assert all(element.keyword != keyword for element in read.iterall())

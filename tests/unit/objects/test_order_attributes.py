"""What was ordered reaches each image: every attribute at its place, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

import pytest
from pydicom.datadict import dictionary_has_tag, tag_for_keyword
from pydicom.dataset import Dataset

from echonode.errors import InvalidObject
from echonode.model.patient import Identifier
from echonode.model.worklist_item import Code, Reference, ScheduledStep
from echonode.objects.order_attributes import value_at
from echonode.objects.order_table import LEFT_OUT, ROWS
from tests.unit.objects.acquisitions import acquisition, built, frames, read_back, sector
from tests.unit.objects.orders import FULL_ITEM, PATIENT, ordered, ordered_for

CINE = acquisition(frames([1.0, 1.05, 1.1], calibration=sector(24, 32)))
STILL = acquisition()

# keyword path -> what an image of FULL_ITEM has there: written out, not computed from the table.
IN_THE_IMAGE = {
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "PatientID": "P-77",
    "PatientBirthDate": "19700228",
    "PatientBirthTime": "041500",
    "PatientSex": "M",
    "IssuerOfPatientID": "CLINIC",
    "IssuerOfPatientIDQualifiersSequence>UniversalEntityID": "1.2.276.99.1",
    "IssuerOfPatientIDQualifiersSequence>UniversalEntityIDType": "ISO",
    "OtherPatientIDsSequence>PatientID": "WRIST-5",
    "OtherPatientIDsSequence>IssuerOfPatientID": "WARD",
    "OtherPatientIDsSequence>TypeOfPatientID": "RFID",
    "OtherPatientNames": "Tanaka^Tarou",
    "EthnicGroup": "Asian",
    "PatientComments": "hears badly on the left",
    "PatientSize": "1.76",
    "PatientWeight": "71.5",
    "PregnancyStatus": "4",
    "PatientState": "awake",
    "ReferencedPatientSequence>ReferencedSOPInstanceUID": "1.2.276.99.5",
    "AdmittingDiagnosesDescription": "Cholelithiasis",
    "AdmissionID": "ADM-3",
    "IssuerOfAdmissionIDSequence>LocalNamespaceEntityID": "CLINIC",
    "ServiceEpisodeID": "EP-4",
    "IssuerOfServiceEpisodeIDSequence>LocalNamespaceEntityID": "CLINIC",
    "StudyInstanceUID": "1.2.276.99.2.1",
    "AccessionNumber": "ACC-55",
    "IssuerOfAccessionNumberSequence>LocalNamespaceEntityID": "RIS",
    "IssuerOfAccessionNumberSequence>UniversalEntityID": "1.2.276.99.3",
    "IssuerOfAccessionNumberSequence>UniversalEntityIDType": "ISO",
    "StudyID": "RP-8",
    "StudyDescription": "Abdominal ultrasound",
    "ReferringPhysicianName": "Ärztin^Eva",
    "RequestingService": "Surgery",
    "ReferencedStudySequence>ReferencedSOPInstanceUID": "1.2.276.99.4",
    "ProcedureCodeSequence>CodeValue": "45036003",
    "ProcedureCodeSequence>CodingSchemeDesignator": "SCT",
    "ProcedureCodeSequence>CodeMeaning": "Ultrasonography of abdomen",
    "RequestAttributesSequence>RequestedProcedureID": "RP-8",
    "RequestAttributesSequence>RequestedProcedureDescription": "Abdominal ultrasound",
    "RequestAttributesSequence>RequestedProcedureCodeSequence>CodeValue": "45036003",
    "RequestAttributesSequence>ReasonForTheRequestedProcedure": "Pain in the right upper abdomen",
    "RequestAttributesSequence>ReasonForRequestedProcedureCodeSequence>CodeValue": "21522001",
    "RequestAttributesSequence>ScheduledProcedureStepID": "SPS-9",
    "RequestAttributesSequence>ScheduledProcedureStepDescription": "Upper abdomen",
    "RequestAttributesSequence>ScheduledProtocolCodeSequence>CodeValue": "PR-1",
    "RequestAttributesSequence>AccessionNumber": "ACC-55",
    "RequestAttributesSequence>IssuerOfAccessionNumberSequence>LocalNamespaceEntityID": "RIS",
    "RequestAttributesSequence>StudyInstanceUID": "1.2.276.99.2.1",
    "PerformedProcedureStepID": "E00000001",
    "PerformedProcedureStepStartDate": "20261120",
    "PerformedProcedureStepStartTime": "090000.123456",
    "PerformedProcedureStepDescription": "Upper abdomen",
    "PerformedProtocolCodeSequence>CodeValue": "PR-1",
    "ProtocolName": "Abdomen, short",
    "ReferencedPerformedProcedureStepSequence>ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.3",
}


def at(dataset: Dataset, path: str) -> str:
    """The value at a path, in the first item of each sequence on the way."""
    *sequences, keyword = path.split(">")
    for sequence in sequences:
        dataset = dataset[sequence].value[0]
    return str(dataset[keyword].value)


def texts(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR != "SQ":
            yield str(element.value)


@pytest.mark.parametrize("taken", [STILL, CINE], ids=["still", "cine"])
def test_every_attribute_of_the_order_is_at_its_place(taken: object) -> None:
    """Compared one by one, in what is read back from the encoded object."""
    read = read_back(built(taken, ordered()))  # type: ignore[arg-type]
    assert {path: at(read, path) for path in IN_THE_IMAGE} == IN_THE_IMAGE
    assert [str(other.PatientID) for other in read.OtherPatientIDsSequence] == ["WRIST-5", "X-123"]


def test_no_row_is_left_unlooked_at() -> None:
    """The comparison above names every place of the table, so a new row needs a new line there."""
    places = {row.image for row in ROWS if row.image}
    assert all(any(path.startswith(place) for path in IN_THE_IMAGE) for place in places), [
        place for place in places if not any(path.startswith(place) for path in IN_THE_IMAGE)
    ]


def test_the_item_has_a_value_for_every_row() -> None:
    """What is empty in the item would be compared with nothing."""
    assert [row.keyword for row in ROWS if not value_at(ordered(), row.source)] == []


def test_every_attribute_of_the_value_is_placed_or_left_out_with_its_reason() -> None:
    """Nothing of an item is forgotten: each field is in the table, or is among those left out."""
    sources = {row.source for row in ROWS}

    def missing(kind: type, stem: str) -> list[str]:
        return [
            f"{stem}{field.name}"
            for field in fields(kind)
            if not any(
                source == f"{stem}{field.name}" or source.startswith(f"{stem}{field.name}.")
                for source in sources
            )
        ]

    assert is_dataclass(FULL_ITEM)
    assert missing(type(FULL_ITEM), "worklist_item.") == [
        "worklist_item.id",  # ours
        "worklist_item.source",
        "worklist_item.fetched_at",
        "worklist_item.patient",  # by the exam's own
        "worklist_item.source_name",
        "worklist_item.requested_procedure_priority",
        "worklist_item.requested_procedure_comments",
        "worklist_item.referring_physician_name",  # by the exam's own
        "worklist_item.requesting_physician_name",
        "worklist_item.names_of_intended_recipients",
        "worklist_item.current_patient_location",
        "worklist_item.confidentiality_code",
    ]
    assert missing(ScheduledStep, "worklist_item.step.") == [
        "worklist_item.step.station_ae_titles",  # what the list was asked for by
        "worklist_item.step.station_name",
        "worklist_item.step.modality",
        "worklist_item.step.start_date",
        "worklist_item.step.start_time",
        "worklist_item.step.performing_physician_name",
        "worklist_item.step.status",
        "worklist_item.step.comments",
    ]
    assert missing(type(PATIENT), "patient.") == [
        "patient.issuer_universal_id",  # as the patient's issuer, whole
        "patient.issuer_universal_id_type",
        "patient.special_needs",
        "patient.confidentiality",
    ]
    assert all(tag_for_keyword(keyword) for keyword in LEFT_OUT), LEFT_OUT
    assert all(dictionary_has_tag(tag_for_keyword(row.keyword) or 0) for row in ROWS)


def test_what_is_left_out_is_nowhere_in_the_object() -> None:
    """Of the patient's safety, of the stay, and instructions to the operator."""
    read = read_back(built(STILL, ordered()))
    found = " ".join(texts(read))
    for word in ("fasting", "call the ward", "Ward 5", "Planned^Person", "Recipient^One", "HIGH"):
        assert word not in found
    for keyword in LEFT_OUT:
        assert all(element.keyword != keyword for element in read.iterall())


@pytest.mark.parametrize(
    "name",
    [
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "Hong^Gildong=洪^吉洞=홍^길동",
        "قباني^لنزار",
        "Διονυσιος",
        "Äneas^Rüdiger^Ödön^Dr. med.^MSc",
        "Wang^XiaoDong=王^小东",
    ],
)
def test_names_of_any_script_are_unchanged(name: str) -> None:
    """In UTF-8 (ISO_IR 192), whatever the RIS spoke."""
    read = read_back(built(STILL, ordered_for(name)))
    assert (read.SpecificCharacterSet, str(read.PatientName)) == ("ISO_IR 192", name)


def test_an_exam_without_an_item_says_nothing_of_an_order() -> None:
    """Nothing is invented: no request, no codes, no performed step."""
    facts = replace(ordered(), worklist_item=None, performed_step=None)
    read = read_back(built(STILL, facts))
    for keyword in (
        "RequestAttributesSequence",
        "ProcedureCodeSequence",
        "PerformedProcedureStepID",
        "PerformedProcedureStepStartDate",
        "ReferencedPerformedProcedureStepSequence",
    ):
        assert keyword not in read


def test_an_item_that_names_no_request_makes_no_request_attributes() -> None:
    """Both IDs are type 1C in its sequence (PS3.3 table 10-9)."""
    item = replace(FULL_ITEM, requested_procedure_id="", step=ScheduledStep(description="x"))
    assert "RequestAttributesSequence" not in read_back(built(STILL, ordered(item)))


def test_what_describes_is_made_to_fit_and_costs_no_image() -> None:
    """Control characters go, long text is cut, a code without its scheme is left out."""
    item = replace(
        FULL_ITEM,
        requesting_service="Surgery\\x\n" + "y" * 80,
        requested_procedure_codes=(
            Code(value="1", scheme=""),
            Code(value="L" * 20, scheme="99CLINIC"),
            Code(value="urn:oid:1.2", scheme="99CLINIC", meaning="By name"),
        ),
        patient=replace(PATIENT, size_m="tall", weight_kg="71,5", birth_time="noon"),
        admission_id=Identifier(value="A" * 65),
        referring_physician_name="A" * 90,
    )
    read = read_back(built(STILL, ordered(item)))
    assert read.RequestingService == ("Surgery x " + "y" * 80)[:64]
    codes = read.ProcedureCodeSequence
    assert [codes[0].LongCodeValue, codes[0].CodeMeaning] == ["L" * 20, "L" * 20]
    assert codes[1].URNCodeValue == "urn:oid:1.2"
    for keyword in ("PatientSize", "PatientWeight", "PatientBirthTime", "AdmissionID"):
        assert keyword not in read
    assert read.ReferringPhysicianName == "A" * 64


def test_a_reference_that_is_no_uid_is_left_out() -> None:
    """An archive would refuse the whole image for it."""
    item = replace(
        FULL_ITEM, referenced_studies=(Reference(sop_class_uid="x", sop_instance_uid="1.2"),)
    )
    assert "ReferencedStudySequence" not in read_back(built(STILL, ordered(item)))


def test_an_accession_number_that_does_not_fit_refuses_the_object() -> None:
    """It is never cut: a wrong number would put the image into another order."""
    with pytest.raises(InvalidObject, match="AccessionNumber"):
        built(STILL, replace(ordered(), accession_number="x" * 17))

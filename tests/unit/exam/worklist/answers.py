"""Answers of a RIS to test with."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.dimse.messages.datasets import from_bytes, to_bytes


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    return item


def issuer(local: str, universal_id: str = "", kind: str = "") -> Dataset:
    item = Dataset()
    item.LocalNamespaceEntityID = local
    if universal_id:
        item.UniversalEntityID, item.UniversalEntityIDType = universal_id, kind
    return item


def step(**values: object) -> Dataset:
    """A scheduled step for US1."""
    item = Dataset()
    item.Modality = "US"
    item.ScheduledStationAETitle = "US1"
    item.ScheduledProcedureStepStartDate = "20261120"
    item.ScheduledProcedureStepStartTime = "080000"
    item.ScheduledProcedureStepID = "SPS-9"
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def answer(**values: object) -> Dataset:
    """A plain answer; `values` by keyword win."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Muster^Eva"
    dataset.PatientID = "P-77"
    dataset.AccessionNumber = "ACC-55"
    dataset.RequestedProcedureID = "RP-8"
    dataset.StudyInstanceUID = "1.2.276.99.2.1"
    dataset.ScheduledProcedureStepSequence = [step()]
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def full_answer() -> Dataset:
    """What a RIS answers for tests.unit.objects.orders.FULL_ITEM, with a value of every key."""
    other, another = Dataset(), Dataset()
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = "WRIST-5", "WARD", "RFID"
    another.PatientID, another.IssuerOfPatientID = "X-123", "OTHER CLINIC"
    another.TypeOfPatientID = "TEXT"
    qualifiers = Dataset()
    qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType = "1.2.276.99.1", "ISO"
    return answer(
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        PatientBirthDate="19700228",
        PatientBirthTime="041500",
        PatientSex="M",
        IssuerOfPatientID="CLINIC",
        IssuerOfPatientIDQualifiersSequence=[qualifiers],
        OtherPatientIDsSequence=[other, another],
        OtherPatientNames="Tanaka^Tarou",
        PatientSize="1.76",
        PatientWeight="71.5",
        EthnicGroup="Asian",
        PatientComments="hears badly on the left",
        PatientState="awake",
        PregnancyStatus=4,
        ReferencedPatientSequence=[reference("1.2.840.10008.3.1.2.1.1", "1.2.276.99.5")],
        ReferencedStudySequence=[reference("1.2.840.10008.3.1.2.3.1", "1.2.276.99.4")],
        RequestedProcedureDescription="Abdominal ultrasound",
        RequestedProcedureCodeSequence=[code("45036003", "SCT", "Ultrasonography of abdomen")],
        RequestedProcedurePriority="HIGH",
        RequestedProcedureComments="call the ward",
        ReasonForTheRequestedProcedure="Pain in the right upper abdomen",
        ReasonForRequestedProcedureCodeSequence=[code("21522001", "SCT", "Abdominal pain")],
        IssuerOfAccessionNumberSequence=[issuer("RIS", "1.2.276.99.3", "ISO")],
        PlacerOrderNumberImagingServiceRequest="PL-1",
        FillerOrderNumberImagingServiceRequest="FI-1",
        OrderPlacerIdentifierSequence=[issuer("HIS")],
        OrderFillerIdentifierSequence=[issuer("RIS")],
        ReferringPhysicianName="Ärztin^Eva",
        RequestingPhysician="Station^Arzt",
        RequestingService="Surgery",
        NamesOfIntendedRecipientsOfResults="Recipient^One",
        ConfidentialityCode="V",
        AdmissionID="ADM-3",
        IssuerOfAdmissionIDSequence=[issuer("CLINIC")],
        ServiceEpisodeID="EP-4",
        IssuerOfServiceEpisodeIDSequence=[issuer("CLINIC")],
        CurrentPatientLocation="Ward 5",
        AdmittingDiagnosesDescription="Cholelithiasis",
        ScheduledProcedureStepSequence=[
            step(
                ScheduledProcedureStepDescription="Upper abdomen",
                ScheduledProtocolCodeSequence=[code("PR-1", "99CLINIC", "Abdomen, short")],
                ScheduledStationName="Room 1",
                ScheduledProcedureStepLocation="Ultrasound 2",
                ScheduledPerformingPhysicianName="Planned^Person",
                ScheduledProcedureStepStatus="SCHEDULED",
                CommentsOnTheScheduledProcedureStep="fasting",
            )
        ],
    )


def received(dataset: Dataset) -> Dataset:
    """As it comes off the wire."""
    return from_bytes(to_bytes(dataset, ExplicitVRLittleEndian), ExplicitVRLittleEndian)

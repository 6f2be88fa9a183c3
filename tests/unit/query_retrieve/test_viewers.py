"""The queries that viewers send, in their own shape, as their public code or their users show it.

Each is answered, never refused, and each answer holds every key that was asked for: what we have
with its value, what we have not with none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import pytest
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom.dsutils import decode, encode

from echonode.dimse.services import FindRequest
from echonode.model.criteria import Root
from echonode.model.identity import Peer, Service
from echonode.query_retrieve.find_scp import FindSCP

VIEWER = Peer(
    name="viewer", ae_title="VIEWER", host="127.0.0.1", port=11112, may=frozenset({Service.FIND})
)
HELD: Mapping[str, str] = {
    "PatientID": "P1",
    "IssuerOfPatientID": "CLINIC",
    "PatientName": "Müller^Jörg",
    "PatientBirthDate": "19700102",
    "PatientSex": "M",
    "StudyInstanceUID": "1.2.3",
    "StudyDate": "20260705",
    "StudyTime": "103000",
    "StudyID": "S1",
    "AccessionNumber": "A1",
    "StudyDescription": "Abdomen",
    "ReferringPhysicianName": "House^Gregory",
    "ModalitiesInStudy": "US\\SR",
    "NumberOfPatientRelatedStudies": "1",
    "NumberOfStudyRelatedSeries": "2",
    "NumberOfStudyRelatedInstances": "14",
    "SeriesInstanceUID": "1.2.3.4",
    "SeriesNumber": "1",
    "SeriesDescription": "Liver",
    "SeriesDate": "20260705",
    "SeriesTime": "103100",
    "Modality": "US",
    "InstitutionName": "Clinic",
    "PerformingPhysicianName": "Wilson^James",
    "NumberOfSeriesRelatedInstances": "7",
    "SOPInstanceUID": "1.2.3.4.5",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1",
    "InstanceNumber": "3",
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A query as a viewer sends it: its level, the keys it matches, the keys it leaves empty.

    without_value: those of the empty keys that we cannot give at this level.
    """

    level: str
    matching: Mapping[str, str]
    empty: str
    root: Root = Root.STUDY
    character_set: str = ""
    without_value: Sequence[str] = ()


# OsiriX and Horos open their list with a date and leave the rest empty; Institution Name and
# Performing Physician's Name, of a series, are among it.
# Source: horosproject/horos, Horos/Sources/DCMTKRootQueryNode.mm, queryPrototype; the same keys in
# dcm4che/dcm4chee-arc-light issue 1581, from a user's log of a MacBook.
HOROS_STUDIES = Shape(
    level="STUDY",
    character_set="ISO_IR 100",
    matching={"StudyDate": "20260601-"},
    empty="PatientName PatientID AccessionNumber PatientBirthDate StudyDescription StudyTime "
    "StudyInstanceUID StudyID NumberOfStudyRelatedInstances InstitutionName "
    "ReferringPhysicianName PerformingPhysicianName ModalitiesInStudy BodyPartExamined "
    "StudyComments InterpretationStatusID",
    without_value=(
        *("InstitutionName", "PerformingPhysicianName", "BodyPartExamined"),
        *("StudyComments", "InterpretationStatusID"),
    ),
)
# Source: horosproject/horos, Horos/Sources/QueryController.mm: what is typed gets an asterisk at
# its end, and the modalities ticked are joined by backslashes, as Modalities in Study ...
HOROS_NAME = Shape(
    level="STUDY",
    character_set="ISO_IR 100",
    matching={"PatientName": "müller*", "ModalitiesInStudy": "US\\CT"},
    empty="PatientID StudyInstanceUID StudyDate StudyTime NumberOfStudyRelatedInstances",
)
# ... or as Modality, where the user has switched off SupportQRModalitiesinStudy.
HOROS_MODALITY = Shape(
    level="STUDY",
    character_set="ISO_IR 100",
    matching={"ReferringPhysicianName": "House*", "Modality": "US\\CT"},
    empty="PatientID StudyInstanceUID StudyDate StudyTime NumberOfStudyRelatedInstances",
    without_value=("Modality",),
)
# Source: horosproject/horos, Horos/Sources/DCMTKStudyQueryNode.mm, queryPrototype ("when opening a
# study"): keys of the study stand among those of the series.
HOROS_SERIES = Shape(
    level="SERIES",
    matching={"StudyInstanceUID": "1.2.3"},
    empty="SeriesDescription SeriesDate SeriesTime SeriesInstanceUID SeriesNumber "
    "NumberOfSeriesRelatedInstances Modality ReferringPhysicianName PerformingPhysicianName "
    "InstitutionName",
)
# Source: nroduit/Weasis, weasis-dicom-qr/.../qr/DicomQrView.java, its return tags.
WEASIS_STUDIES = Shape(
    level="STUDY",
    matching={"PatientID": "P1"},
    empty="PatientName PatientSex PatientBirthDate IssuerOfPatientID StudyInstanceUID "
    "StudyDescription StudyDate StudyTime AccessionNumber ReferringPhysicianName StudyID "
    "InstitutionName ModalitiesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances",
    without_value=("InstitutionName",),
)
# Source: nroduit/weasis-pacs-connector, query/dicom/DicomQueryConfiguration.java: a patient by ID
# and issuer.
WEASIS_CONNECTOR = Shape(
    level="STUDY",
    matching={"PatientID": "P1", "IssuerOfPatientID": "CLINIC"},
    empty="PatientName PatientBirthDate PatientSex ReferringPhysicianName StudyDescription "
    "StudyDate StudyTime AccessionNumber StudyInstanceUID StudyID ModalitiesInStudy",
)
# Source: nroduit/Weasis, weasis-dicom-qr/.../qr/manisfest/CFindQueryResult.java, fillSeries and
# fillInstance.
WEASIS_SERIES = Shape(
    level="SERIES",
    matching={"StudyInstanceUID": "1.2.3"},
    empty="SeriesInstanceUID Modality SeriesNumber SeriesDescription",
)
WEASIS_INSTANCES = Shape(
    level="IMAGE",
    matching={"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"},
    empty="SOPInstanceUID InstanceNumber",
)
# 3D Slicer. Source: commontk/CTK, Libs/DICOM/Core/ctkDICOMQuery.cpp, query(): Latin-1 declared,
# filters between asterisks, several modalities with backslashes, a range of dates.
SLICER_STUDIES = Shape(
    level="STUDY",
    character_set="ISO_IR 100",
    matching={
        "PatientName": "*Müller*",
        "PatientID": "*P1*",
        "StudyDescription": "*Abdomen*",
        "AccessionNumber": "*A*",
        "ModalitiesInStudy": "CT\\US",
        "StudyDate": "20260701-20260731",
    },
    empty="PatientBirthDate StudyID StudyInstanceUID StudyTime NumberOfStudyRelatedInstances "
    "NumberOfStudyRelatedSeries",
)
# The same file: the series of each study, in newer versions with Rows and Columns, of an image.
SLICER_SERIES = Shape(
    level="SERIES",
    matching={"StudyInstanceUID": "1.2.3"},
    empty="SeriesNumber SeriesDescription SeriesInstanceUID SeriesDate SeriesTime Modality Rows "
    "Columns NumberOfSeriesRelatedInstances",
    without_value=("Rows", "Columns"),
)
# Source: dcm4che/dcm4chee-arc-light issue 1263: RadiAnt shows no study whose answer lacks its UID.
# The UID is not asked for here, and must be there all the same.
RADIANT_STUDIES = Shape(
    level="STUDY",
    matching={"PatientName": "m*", "StudyDate": "20260101-20261231"},
    empty="PatientID StudyTime StudyDescription ModalitiesInStudy",
)
# Source: lamyj/odil, applications/cli/find.py: either root, keys by name, several values of one.
ODIL_PATIENTS = Shape(
    root=Root.PATIENT,
    level="PATIENT",
    matching={"PatientName": "*"},
    empty="PatientID PatientBirthDate NumberOfPatientRelatedStudies",
)
ODIL_STUDIES = Shape(
    root=Root.PATIENT,
    level="STUDY",
    matching={"PatientID": "P1", "ModalitiesInStudy": "US\\MR"},
    empty="StudyInstanceUID StudyDate",
)
# Source: malaterre/GDCM, Applications/Cxx/gdcmscu.cxx: --studyroot --series with the study's UID.
GDCM_SERIES = Shape(
    level="SERIES",
    matching={"StudyInstanceUID": "1.2.3", "Modality": "US"},
    empty="SeriesInstanceUID SeriesNumber",
)
# Source: pydicom/pynetdicom issue 522: a study list filtered by Modality, a key of the series.
MODALITY_OF_STUDIES = Shape(
    level="STUDY",
    matching={"Modality": "US"},
    empty="StudyInstanceUID PatientName",
    without_value=("Modality",),
)
# Source: dcm4che/dcm4che issue 587: an instance by its UID alone, without those above it.
INSTANCE_ALONE = Shape(
    level="IMAGE", matching={"SOPInstanceUID": "1.2.3.4.5"}, empty="InstanceNumber"
)

SHAPES = {name: value for name, value in list(globals().items()) if isinstance(value, Shape)}


def identifier(shape: Shape) -> Dataset:
    """The query as it comes off the wire."""
    made = Dataset()
    keys = {**dict.fromkeys(shape.empty.split(), ""), **shape.matching}
    for keyword, value in {**keys, "QueryRetrieveLevel": shape.level}.items():
        vr = dictionary_VR(keyword)[:2]
        made.add(DataElement(Tag(keyword), vr, value or None, validation_mode=IGNORE))
    if shape.character_set:
        made.SpecificCharacterSet = shape.character_set
    encoded = encode(made, True, True)
    assert encoded is not None
    return decode(BytesIO(encoded), True, True)


def ask(shape: Shape, row: Mapping[str, str]) -> list[Dataset]:
    scp = FindSCP(lambda query: iter([row]), ae_title="ECHONODE")
    request = FindRequest(
        caller=VIEWER,
        root=shape.root,
        identifier=identifier(shape),
        relational=False,
        cancelled=lambda: False,
    )
    return [decode(BytesIO(answer.identifier), True, True) for answer in scp(request)]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_viewers_query_is_answered_with_every_key_it_asked_for(shape: Shape) -> None:
    """One answer for what is there, with each key; values where we have them at that level."""
    [answer] = ask(shape, HELD)
    assert answer.QueryRetrieveLevel == shape.level
    assert answer.StudyInstanceUID == "1.2.3" if shape.level != "PATIENT" else True
    for keyword in (*shape.empty.split(), *shape.matching):
        assert keyword in answer
        has_value = answer[keyword].value not in ("", None)
        assert has_value is (keyword in HELD and keyword not in shape.without_value), keyword


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_viewers_query_is_answered_with_nothing_else(shape: Shape) -> None:
    """What does not match is not shown: the viewer would show it."""
    other = {
        **HELD,
        "PatientID": "Q2",
        "IssuerOfPatientID": "OTHER",
        "PatientName": "",
        "StudyDate": "20200101",
        "StudyInstanceUID": "9.9",
        "SeriesInstanceUID": "9.9.9",
        "SOPInstanceUID": "9.9.9.9",
        "AccessionNumber": "B2",
        "StudyDescription": "Thyroid",
        "ReferringPhysicianName": "",
        "ModalitiesInStudy": "XA",
        "Modality": "XA",
    }
    if shape is not ODIL_PATIENTS:  # which asks for everybody
        assert ask(shape, other) == []


def test_names_come_back_in_the_viewers_own_characters() -> None:
    """Horos and Slicer declare Latin-1 and read nothing else."""
    for shape in (HOROS_NAME, SLICER_STUDIES):
        [answer] = ask(shape, HELD)
        assert answer.SpecificCharacterSet == "ISO_IR 100"
        assert str(answer.PatientName) == "Müller^Jörg"

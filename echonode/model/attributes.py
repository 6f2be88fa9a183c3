"""The attributes the index holds: every key a C-FIND may match on or ask back (PS3.4 C.6).

One table read by two packages: store/ makes a column of each and fills it from a dataset,
query_retrieve/ matches and returns by VR. `computed` ones are counts and sets over the lower levels
(PS3.4 C.3.4); they have no column of this name in their own row's source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType

from echonode.model.criteria import Level


@dataclass(frozen=True)
class Attribute:
    """One attribute of the index."""

    keyword: str
    vr: str
    level: Level
    unique: bool = False
    computed: bool = False

    @cached_property
    def column(self) -> str:
        """The column's name: SOPInstanceUID -> sop_instance_uid."""
        words = re.findall(r"[A-Z]+(?=[A-Z][a-z]|\b|s\b)|[A-Z][a-z]*", self.keyword)
        return "_".join(words).lower()


def _level(level: Level, spec: str) -> list[Attribute]:
    """Attributes from lines of 'Keyword VR [unique|computed]'."""
    found = []
    for line in spec.strip().splitlines():
        keyword, vr, *flags = line.split()
        found.append(
            Attribute(keyword, vr, level, unique="unique" in flags, computed="computed" in flags)
        )
    return found


ATTRIBUTES: MappingProxyType[str, Attribute] = MappingProxyType(
    {
        attribute.keyword: attribute
        for attribute in [
            *_level(
                Level.PATIENT,
                """
                PatientID LO unique
                PatientName PN
                IssuerOfPatientID LO
                PatientBirthDate DA
                PatientBirthTime TM
                PatientSex CS
                OtherPatientIDs LO
                OtherPatientNames PN
                EthnicGroup SH
                PatientComments LT
                NumberOfPatientRelatedStudies IS computed
                NumberOfPatientRelatedSeries IS computed
                NumberOfPatientRelatedInstances IS computed
                """,
            ),
            *_level(
                Level.STUDY,
                """
                StudyInstanceUID UI unique
                StudyDate DA
                StudyTime TM
                AccessionNumber SH
                StudyID SH
                StudyDescription LO
                ReferringPhysicianName PN
                NameOfPhysiciansReadingStudy PN
                AdmittingDiagnosesDescription LO
                PatientAge AS
                PatientSize DS
                PatientWeight DS
                Occupation SH
                AdditionalPatientHistory LT
                ModalitiesInStudy CS computed
                SOPClassesInStudy UI computed
                NumberOfStudyRelatedSeries IS computed
                NumberOfStudyRelatedInstances IS computed
                """,
            ),
            *_level(
                Level.SERIES,
                """
                SeriesInstanceUID UI unique
                Modality CS
                SeriesNumber IS
                SeriesDate DA
                SeriesTime TM
                SeriesDescription LO
                BodyPartExamined CS
                Laterality CS
                ProtocolName LO
                PatientPosition CS
                OperatorsName PN
                PerformingPhysicianName PN
                StationName SH
                InstitutionName LO
                InstitutionalDepartmentName LO
                Manufacturer LO
                ManufacturerModelName LO
                FrameOfReferenceUID UI
                PerformedProcedureStepID SH
                PerformedProcedureStepStartDate DA
                PerformedProcedureStepStartTime TM
                PerformedProcedureStepDescription LO
                NumberOfSeriesRelatedInstances IS computed
                """,
            ),
            *_level(
                Level.IMAGE,
                """
                SOPInstanceUID UI unique
                SOPClassUID UI
                InstanceNumber IS
                AcquisitionNumber IS
                ContentDate DA
                ContentTime TM
                AcquisitionDate DA
                AcquisitionTime TM
                AcquisitionDateTime DT
                InstanceCreationDate DA
                InstanceCreationTime TM
                ImageType CS
                ImageComments LT
                NumberOfFrames IS
                Rows US
                Columns US
                BitsAllocated US
                PhotometricInterpretation CS
                TimezoneOffsetFromUTC SH
                AvailableTransferSyntaxUID UI computed
                """,
            ),
        ]
    }
)

UNIQUE_KEYS: MappingProxyType[Level, str] = MappingProxyType(
    {a.level: a.keyword for a in ATTRIBUTES.values() if a.unique}
)


@cache
def of_level(level: Level) -> tuple[Attribute, ...]:
    """The attributes of one level, in table order."""
    return tuple(a for a in ATTRIBUTES.values() if a.level is level)

"""Keys that the index does not hold: matched and returned from the stored files (PS3.4 C.2.2.1.3).

Rules
- They are optional keys. One is supported at its own level and below: an attribute of a patient,
  study or series is the same in all its instances, so any of their files has it. An attribute that
  is not listed here as of an upper level is of the IMAGE level.
- Only attributes of the data dictionary whose value is text, a number or a sequence of these.
  Private attributes, pixels and other bytes are unsupported.
- A sequence key has one item at most; its keys must all match within one item of the stored
  sequence (C.2.2.2.6), and of each stored item they are returned. Without keys, the stored items
  are returned whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Criterion, Level, SequenceMatch, Universal
from echonode.query_retrieve.character_set import CharacterSet
from echonode.query_retrieve.element_text import BINARY_FORMATS, items_of, text_of
from echonode.query_retrieve.key_bounds import check_values
from echonode.query_retrieve.matching import criterion_for, values_of
from echonode.query_retrieve.refusal import refused

_TEXT_VRS: Final = frozenset(
    "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split()  # noqa: SIM905  # as PS3.5 6.2
)
SERVED_VRS: Final = _TEXT_VRS | frozenset(BINARY_FORMATS) | {"SQ"}
_LAST_GROUP: Final = 0x7FDF  # from 7FE0 on: pixels, and what seals them

# PS3.3 C.7.1.1, C.7.1.3 (patient), C.7.2.1, C.7.2.2 (study), C.7.3.1, C.7.4.1, C.7.5.1 (series).
_OF_UPPER_LEVELS: Final = MappingProxyType(
    {
        Level.PATIENT: """
            BreedRegistrationSequence GroupOfPatientsIdentificationSequence
            IssuerOfPatientIDQualifiersSequence OtherPatientIDsSequence PatientBreedCodeSequence
            PatientBreedDescription PatientSpeciesCodeSequence PatientSpeciesDescription
            QualityControlSubject ReferencedPatientPhotoSequence ReferencedPatientSequence
            ResponsibleOrganization ResponsiblePerson ResponsiblePersonRole
            SourcePatientGroupIdentificationSequence StrainCodeSequence StrainDescription
            TypeOfPatientID
            """,
        Level.STUDY: """
            AdmissionID AdmittingDiagnosesCodeSequence Allergies ConsultingPhysicianName
            ConsultingPhysicianIdentificationSequence IssuerOfAccessionNumberSequence
            IssuerOfAdmissionIDSequence IssuerOfServiceEpisodeIDSequence LastMenstrualDate
            MedicalAlerts PatientBodyMassIndex PatientSexNeutered PatientSizeCodeSequence
            PatientState PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence
            PhysiciansReadingStudyIdentificationSequence PregnancyStatus ProcedureCodeSequence
            ReasonForPerformedProcedureCodeSequence ReasonForVisit ReasonForVisitCodeSequence
            ReferencedStudySequence ReferringPhysicianIdentificationSequence RequestingService
            RequestingServiceCodeSequence ServiceEpisodeDescription ServiceEpisodeID SmokingStatus
            SpecialNeeds
            """,
        Level.SERIES: """
            AnatomicalOrientationType CommentsOnThePerformedProcedureStep DeviceSerialNumber
            DeviceUID GantryID InstitutionAddress InstitutionCodeSequence
            InstitutionalDepartmentTypeCodeSequence OperatorIdentificationSequence
            PerformedProcedureStepEndDate PerformedProcedureStepEndTime
            PerformedProtocolCodeSequence PerformingPhysicianIdentificationSequence
            PositionReferenceIndicator ReferencedPerformedProcedureStepSequence
            RelatedSeriesSequence RequestAttributesSequence SeriesDescriptionCodeSequence
            SoftwareVersions TreatmentSessionUID UDISequence
            """,
    }
)
UPPER_LEVELS: Final = MappingProxyType(
    {keyword: level for level, listed in _OF_UPPER_LEVELS.items() for keyword in listed.split()}
)


@dataclass(frozen=True, kw_only=True)
class FileKey:
    """A key that is matched and returned from a file.

    items: of a sequence, the keys asked for in its items; none: everything in the items.
    """

    keyword: str
    tag: BaseTag
    vr: str
    criterion: Criterion = field(default_factory=Universal)
    items: tuple[FileKey, ...] = ()


def file_key(
    identifier: Dataset, tag: BaseTag, level: Level, character_set: CharacterSet
) -> FileKey | None:
    """An identifier's element as a key of files; None where it is unsupported at `level`.

    Raises DimseFailure A900.
    """
    found = served(tag)
    if found is None or found.keyword in ATTRIBUTES or tag.group > _LAST_GROUP:
        return None
    if UPPER_LEVELS.get(found.keyword, Level.IMAGE).depth > level.depth:
        return None
    return _with_criterion(found, identifier, character_set)


def key_of(identifier: Dataset, tag: BaseTag, character_set: CharacterSet) -> FileKey | None:
    """An identifier's element as a key of whatever can be served; None where that cannot be.

    Raises DimseFailure A900.
    """
    found = served(tag)
    return None if found is None else _with_criterion(found, identifier, character_set)


def served(tag: BaseTag) -> FileKey | None:
    """The key without a criterion of an attribute whose values can be served."""
    keyword = "" if tag.group <= 2 or tag.element == 0 else keyword_for_tag(tag)
    vr = dictionary_VR(tag)[:2] if keyword else ""  # of an ambiguous one ("US or SS") the first
    return FileKey(keyword=keyword, tag=tag, vr=vr) if vr in SERVED_VRS else None


def _with_criterion(key: FileKey, holder: Dataset, character_set: CharacterSet) -> FileKey:
    criterion: Criterion
    items: tuple[FileKey, ...] = ()
    if key.vr == "SQ":
        items = _keys_of_item(holder, key.tag, character_set)
        wanted = {each.keyword: each.criterion for each in items}
        wanted = {name: each for name, each in wanted.items() if each != Universal()}
        criterion = SequenceMatch(wanted) if wanted else Universal()
    else:
        text = text_of(holder, key.tag, character_set)
        check_values(key.vr, values_of(key.vr, text))
        criterion = criterion_for(key.vr, text)
    return FileKey(keyword=key.keyword, tag=key.tag, vr=key.vr, criterion=criterion, items=items)


def _keys_of_item(
    holder: Dataset, tag: BaseTag, character_set: CharacterSet
) -> tuple[FileKey, ...]:
    items = items_of(holder, tag)
    if len(items) > 1:
        raise refused("a sequence key has one item at most (C.2.2.2.6)")
    keys = [served(each) for each in (items[0].keys() if items else ())]
    return tuple(_with_criterion(key, items[0], character_set) for key in keys if key is not None)

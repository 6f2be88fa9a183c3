"""The identifier of a worklist query (PS3.4 K.6.1.2): pure.

Rules
- What is matched and what identifies an item is always asked for. All else is optional: a server
  that refuses such a key is asked without it (negotiated_keys.py).
- Single value matching for the station and the modality, range matching for the date: that is what
  every server must support (table K.6-1). Several stations are several queries.
- The name is in the repertoire of the query: ISO_IR 192 where it is not ASCII, nothing otherwise,
  since an old server may refuse a character set that it does not know.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

_STEP = "ScheduledProcedureStepSequence>"

# Matched by us, or without it an item cannot be distinguished from another: never left out.
NEEDED_KEYS: tuple[str, ...] = (
    "PatientName",
    "PatientID",
    "AccessionNumber",
    "StudyInstanceUID",
    "RequestedProcedureID",
    _STEP + "ScheduledStationAETitle",
    _STEP + "ScheduledProcedureStepStartDate",
    _STEP + "ScheduledProcedureStepStartTime",
    _STEP + "Modality",
    _STEP + "ScheduledProcedureStepID",
)
# Sequences are asked for with an empty item: that returns all that the server has of it.
OPTIONAL_KEYS: tuple[str, ...] = (
    "PatientBirthDate",
    "PatientSex",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "PatientBirthTime",
    "PatientSize",
    "PatientWeight",
    "EthnicGroup",
    "PatientComments",
    "PatientState",
    "PregnancyStatus",
    "SpecialNeeds",
    "ConfidentialityConstraintOnPatientDataDescription",
    "ReferencedPatientSequence",
    "ReferencedStudySequence",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    "RequestedProcedurePriority",
    "RequestedProcedureComments",
    "ReasonForTheRequestedProcedure",
    "ReasonForRequestedProcedureCodeSequence",
    "IssuerOfAccessionNumberSequence",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "OrderPlacerIdentifierSequence",
    "OrderFillerIdentifierSequence",
    "ReferringPhysicianName",
    "RequestingPhysician",
    "RequestingService",
    "NamesOfIntendedRecipientsOfResults",
    "ConfidentialityCode",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "ServiceEpisodeID",
    "IssuerOfServiceEpisodeIDSequence",
    "CurrentPatientLocation",
    "AdmittingDiagnosesDescription",
    _STEP + "ScheduledProcedureStepDescription",
    _STEP + "ScheduledProtocolCodeSequence",
    _STEP + "ScheduledStationName",
    _STEP + "ScheduledProcedureStepLocation",
    _STEP + "ScheduledPerformingPhysicianName",
    _STEP + "ScheduledProcedureStepStatus",
    _STEP + "CommentsOnTheScheduledProcedureStep",
)


@dataclass(frozen=True, kw_only=True)
class WorklistQuery:
    """What is asked for; '' is any.

    first_date, last_date: DA, inclusive. patient_name: PN; `*` and `?` are wild cards.
    """

    station_ae_title: str = ""
    modality: str = ""
    first_date: str = ""
    last_date: str = ""
    patient_id: str = ""
    patient_name: str = ""
    accession_number: str = ""

    @property
    def dates(self) -> str:
        """The date as a single value or a range (PS3.4 C.2.2.2.5)."""
        if self.first_date == self.last_date:
            return self.first_date
        return f"{self.first_date}-{self.last_date}"


def window(today: date, *, days_before: int, days_after: int) -> tuple[str, str]:
    """(first, last) day around `today`, as DA."""
    first = today - timedelta(days=days_before)
    last = today + timedelta(days=days_after)
    return first.strftime("%Y%m%d"), last.strftime("%Y%m%d")


def identifier(query: WorklistQuery, left_out: Collection[str] = ()) -> Dataset:
    """The query as a dataset, without the optional keys that are left out."""
    dataset = Dataset()
    if not query.patient_name.isascii():
        dataset.SpecificCharacterSet = "ISO_IR 192"
    step = Dataset()
    for key in (*NEEDED_KEYS, *OPTIONAL_KEYS):
        if key in left_out and key not in NEEDED_KEYS:
            continue
        target = step if key.startswith(_STEP) else dataset
        keyword = key.removeprefix(_STEP)
        is_sequence = dictionary_VR(tag_for_keyword(keyword) or 0) == "SQ"
        setattr(target, keyword, [Dataset()] if is_sequence else None)
    dataset.PatientName = query.patient_name or None
    dataset.PatientID = query.patient_id or None
    dataset.AccessionNumber = query.accession_number or None
    step.ScheduledStationAETitle = query.station_ae_title or None
    step.Modality = query.modality or None
    step.ScheduledProcedureStepStartDate = query.dates or None
    dataset.ScheduledProcedureStepSequence = [step]
    return dataset

"""What an object must know of the exam that it belongs to, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from echonode.model.identity import Patient, is_valid_uid


@dataclass(frozen=True, kw_only=True)
class ExamFacts:
    """The patient and study of an exam, and the series its captures go into; '' is unknown.

    started_at: aware; gives Study Date and Time, and its offset from UTC is used for every date
        and time of the study, so that a change to summer time does not split the study in two.
    study_id: SH, 16 characters at most; a number for people.
    series_number: distinct for each probe connection of the exam. series_started_at: aware; None
        where the series began with the exam.
    referring_physician_name, operators_name: PN with carets.
    """

    study_instance_uid: str
    patient: Patient
    started_at: datetime
    study_id: str
    accession_number: str = ""
    referring_physician_name: str = ""
    study_description: str = ""
    operators_name: str = ""
    series_number: int = 1
    series_description: str = ""
    series_started_at: datetime | None = None

    def __post_init__(self) -> None:
        if not is_valid_uid(self.study_instance_uid):
            raise ValueError("study_instance_uid has not the form of a UID")
        for moment in (self.started_at, self.series_started_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("the moments of an exam must be aware")

"""Exams as the HTTP API has them: the parts behind its routes, and their values as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from types import MappingProxyType

from echonode.errors import Doubtful, FieldRefused
from echonode.exam.identification import PatientDoubtful
from echonode.exam.worklist.refresh import WorklistStatus
from echonode.frames.live.jpeg import jpeg_of
from echonode.frames.live.picture_geometry import geometry_of
from echonode.model.correction import Reason
from echonode.model.discontinuation import discontinuation, reason_of
from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.patient import Patient, checked_patient
from echonode.model.worklist_item import Code
from echonode.monitoring.recent import chosen_rows
from echonode.node.exams import ExamParts
from echonode.node.worklist_json import Json, WorklistJson, item_json, standing_json
from echonode.store.store import Store
from echonode.store.values import LedgerChoice
from echonode.web.live.messages import geometry_json

MOST_EXAMS = 500  # of a list; older ones are found by their ids
MOST_PATIENTS = 20  # offered at once: with more, a person types on


class NodeExams:
    """web.exams.ExamApi on a node. local: the zone whose days the worklist has.

    list_status: how the RIS's list stands; None where no RIS is asked. gain_curves: probe -> what
    its frames are made with.
    """

    def __init__(
        self,
        store: Store,
        parts: ExamParts,
        *,
        now: Callable[[], datetime],
        local: tzinfo,
        list_status: Callable[[], WorklistStatus | None] = lambda: None,
        gain_curves: Mapping[str, Sequence[tuple[float, float]]] = MappingProxyType({}),
    ) -> None:
        self._store, self._parts, self._now, self._local = store, parts, now, local
        self._list_status, self._gain_curves = list_status, gain_curves
        self._list_json = WorklistJson()

    def open(
        self, *, probe: str, worklist_item: str, patient: Json | None, on_request: bool
    ) -> Json:
        item = self._parts.identification.chosen(worklist_item) if worklist_item else None
        typed = self._typed(patient) if patient is not None else None
        opened = self._parts.desk.open(
            probe, patient=typed, worklist_item=item, on_request=on_request
        )
        return exam_json(opened)

    def exams(self, *, only_open: bool) -> Sequence[Json]:
        found = self._store.exams.exams(limit=MOST_EXAMS, only_open=only_open)
        return [exam_json(exam) for exam in found]

    def exam(self, exam_id: str) -> Json:
        exam = self._parts.desk.exam(exam_id)
        history = self._store.exams.events(exam_id)
        return {
            **exam_json(exam),
            "discontinued": _reason_json(discontinuation(history)),
            "events": [
                {
                    "at": each.at.isoformat(),
                    "event": each.event,
                    "progress": each.state.progress.value,
                    "identity": each.state.identity.value,
                }
                for each in history
            ],
            "instances": self._captures(exam),
        }

    def _archives(self, capture: ExamCapture) -> Json:
        """Of a rejection note: what each archive made of it; of others nothing."""
        if capture.kind is not CaptureKind.REJECTION_NOTE:
            return {}
        check = self._parts.rejection_check
        return {
            name: check.verdict(capture.sop_instance_uid, name).value
            for name in self._parts.archives
        }

    def _captures(self, exam: Exam) -> list[Json]:
        """What was captured, each with where it stands at each archive."""
        rows: dict[object, list[Json]] = {}
        choice = LedgerChoice(study_instance_uid=exam.study_instance_uid)
        for row in chosen_rows(self._store, choice):
            rows.setdefault(row["sop_instance_uid"], []).append(row)
        return [
            {
                **_capture_json(each, rows.get(each.sop_instance_uid, [])),
                "archives": self._archives(each),
            }
            for each in self._store.exams.captures(exam.id)
        ]

    def end(self, exam_id: str) -> Json:
        return exam_json(self._parts.desk.end(exam_id))

    def discontinue(self, exam_id: str, *, reason: str) -> Json:
        given_up = reason_of(reason)
        ended = self._parts.desk.end(exam_id, discontinued=given_up)
        return {**exam_json(ended), "discontinued": _reason_json(given_up)}

    def reopen(self, exam_id: str) -> Json:
        return exam_json(self._parts.desk.reopen(exam_id))

    def still(self, exam_id: str, *, sequence: int | None, freeze: str) -> Sequence[str]:
        return self._parts.desk.still(exam_id, sequence=sequence, freeze=freeze)

    def clip(
        self,
        exam_id: str,
        *,
        seconds: float,
        past: bool,
        last_sequence: int | None,
        freeze: str,
    ) -> Sequence[str]:
        return self._parts.desk.clip(
            exam_id, seconds=seconds, past=past, last_sequence=last_sequence, freeze=freeze
        )

    def freeze(self, exam_id: str) -> Json:
        frozen = self._parts.desk.freeze(exam_id)
        last = frozen.frames[-1]
        return {
            "freeze": frozen.freeze,
            "frames": [
                {
                    "sequence": frame.number,
                    "at_s": round(frame.elapsed_s - last.elapsed_s, 4),
                    "captured_at": frame.acquired_at.isoformat(),
                }
                for frame in frozen.frames
            ],
            "geometry": geometry_json(geometry_of(last, self._gain_curves.get(frozen.probe, ()))),
        }

    def unfreeze(self, exam_id: str, freeze: str) -> None:
        self._parts.desk.unfreeze(exam_id, freeze)

    def frozen_picture(self, exam_id: str, freeze: str, sequence: int) -> bytes:
        return jpeg_of(self._parts.desk.frozen_frame(exam_id, freeze, sequence))

    def identify(
        self, exam_id: str, *, worklist_item: str, patient: Json | None, confirmed: bool
    ) -> Json:
        identification = self._parts.identification
        if worklist_item:
            return exam_json(identification.by_item(exam_id, worklist_item))
        try:
            typed = self._typed(patient or {})
            return exam_json(identification.by_patient(exam_id, typed, confirmed=confirmed))
        except PatientDoubtful as doubtful:
            candidates = [item_json(item) for item in doubtful.candidates]
            raise Doubtful(str(doubtful), candidates) from None

    def correct(
        self,
        exam_id: str,
        *,
        reason: str,
        worklist_item: str,
        patient: Json | None,
        instances: Sequence[str] | None,
        laterality: str,
    ) -> Json:
        item = self._parts.identification.chosen(worklist_item) if worklist_item else None
        corrected = self._parts.correction.correct(
            self._parts.desk.exam(exam_id),
            _reason(reason),
            instances=None if instances is None else frozenset(instances),
            patient=self._typed(patient) if patient is not None else None,
            worklist_item=item,
            laterality=laterality,
        )
        return exam_json(corrected)

    def worklist(self, *, everything: bool) -> bytes:
        today = self._now().astimezone(self._local).strftime("%Y%m%d")
        day = "" if everything else today
        status = self._list_status()
        return self._list_json.of(
            {"configured": status is not None, **standing_json(status, self._now())},
            self._store.worklist.items(start_date_from=day, start_date_to=day),
            performed=self._store.reported_steps.performed_here(),
            with_over=everything,
        )

    def patients(self, text: str) -> Json:
        """Those seen before that `text` may mean (web.patients.Search)."""
        found = self._store.known_patients.search(text, limit=MOST_PATIENTS + 1)
        return {
            "patients": [_patient_json(patient) for patient in found[:MOST_PATIENTS]],
            "more": len(found) > MOST_PATIENTS,
        }

    def _typed(self, patient: Json) -> Patient:
        return checked_patient(patient, today=self._now().astimezone(self._local).date())


def _reason_json(code: Code | None) -> Json | None:
    return None if code is None else {"code": code.value, "meaning": code.meaning}


def _reason(text: str) -> Reason:
    try:
        return Reason(text)
    except ValueError:
        known = ", ".join(Reason)
        raise FieldRefused("reason", "is not a known reason", f"give one of {known}") from None


def exam_json(exam: Exam) -> Json:
    """An exam as the API answers it."""
    item = exam.worklist_item
    return {
        "id": exam.id,
        "study_instance_uid": exam.study_instance_uid,
        "probe": exam.probe,
        "progress": exam.state.progress.value,
        "identity": exam.state.identity.value,
        "held": exam.held and exam.patient is None,
        "unattended": bool(exam.connection_id),
        "opened_at": exam.opened_at.isoformat(),
        "ended_at": None if exam.ended_at is None else exam.ended_at.isoformat(),
        "patient": None if exam.patient is None else _patient_json(exam.patient),
        "worklist_item": item.id if item else None,
        "accession_number": item.accession_number.value if item else "",
        "captures": exam.captures,
        "on_request": exam.on_request,
    }


def _patient_json(patient: Patient) -> Json:
    return {
        "id": patient.id,
        "issuer": patient.issuer,
        "name": patient.name,
        "birth_date": patient.birth_date,
        "sex": patient.sex,
    }


# Of a row of the ledger: of the instance, and of its delivery to one archive.
_OF_INSTANCE = ("sop_class_uid", "frames", "duration_s", "thumbnail")
_OF_DELIVERY = ("destination", "state", "attempts", "last_error", "committed_at")


def _capture_json(capture: ExamCapture, rows: Sequence[Json]) -> Json:
    """rows: of the ledger; none while the instance is still being stored."""
    known = rows[0] if rows else dict.fromkeys(_OF_INSTANCE)
    return {
        "sop_instance_uid": capture.sop_instance_uid,
        "kind": capture.kind.value,
        "series_number": capture.series_number,
        "instance_number": capture.instance_number,
        "captured_at": capture.captured_at.isoformat(),
        "replaces": capture.replaces,
        "replaced_by": capture.replaced_by,
        "rejected_by": capture.rejected_by,
        **{name: known[name] for name in _OF_INSTANCE},
        "deliveries": [{name: row[name] for name in _OF_DELIVERY} for row in rows],
    }

"""Exams over HTTP: their routes, and the form of what is sent and answered.

Patients pass here: who may call which of them is in access/route_table.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused
from echonode.web.local_requests import Fields, answer, number, only, text, whole

LONGEST_CLIP_S = 600.0
_PAST, _NOW = "past", "now"
Json = Mapping[str, Any]


class ExamApi(Protocol):
    """What the routes call; each answers what JSON takes.

    Raises FieldRefused, UsageError, OperatorRefused, IllegalTransition, CaptureRefused, StoreError.
    """

    def open(self, *, probe: str, worklist_item: str, patient: Json | None) -> Json: ...

    def exams(self, *, only_open: bool) -> Sequence[Json]: ...

    def exam(self, exam_id: str) -> Json: ...

    def end(self, exam_id: str) -> Json: ...

    def discontinue(self, exam_id: str, *, reason: str) -> Json: ...

    def reopen(self, exam_id: str) -> Json: ...

    def still(self, exam_id: str, *, sequence: int | None) -> Sequence[str]: ...

    def clip(self, exam_id: str, *, seconds: float, past: bool) -> Sequence[str]: ...

    def identify(
        self, exam_id: str, *, worklist_item: str, patient: Json | None, confirmed: bool
    ) -> Json: ...

    def correct(
        self,
        exam_id: str,
        *,
        reason: str,
        worklist_item: str,
        patient: Json | None,
        instances: Sequence[str] | None,
        laterality: str,
    ) -> Json: ...

    def worklist(self, *, everything: bool) -> Json: ...


def exam_routes(api: ExamApi) -> list[BaseRoute]:
    """/api/exams and below, and /api/worklist."""

    async def exams(request: Request) -> Response:
        if request.method == "POST":
            return await answer(request, lambda fields: _open(api, fields), status=201)
        only_open = request.query_params.get("open") == "true"
        return await answer(request, lambda _: list(api.exams(only_open=only_open)))

    async def exam(request: Request) -> Response:
        return await answer(request, lambda _: api.exam(_id(request)))

    async def worklist(request: Request) -> Response:
        everything = request.query_params.get("all") == "true"
        return await answer(request, lambda _: api.worklist(everything=everything))

    def action(name: str, work: Callable[[ExamApi, str, Fields], Json], *, status: int) -> Route:
        async def act(request: Request) -> Response:
            return await answer(
                request, lambda fields: work(api, _id(request), fields), status=status
            )

        return Route(f"/api/exams/{{exam}}/{name}", act, methods=["POST"])

    return [
        Route("/api/exams", exams, methods=["GET", "POST"]),
        Route("/api/exams/{exam}", exam, methods=["GET"]),
        action("stills", _still, status=201),
        action("clips", _clip, status=201),
        action("identify", _identify, status=200),
        action("correct", _correct, status=200),
        action("end", _end, status=200),
        action("discontinue", _discontinue, status=200),
        action("reopen", _reopen, status=200),
        Route("/api/worklist", worklist, methods=["GET"]),
    ]


def _id(request: Request) -> str:
    return str(request.path_params["exam"])[:64]


def _open(api: ExamApi, fields: Fields) -> Json:
    only(fields, "probe", "worklist_item", "patient")
    item, patient = _whose(fields)
    return api.open(probe=text(fields, "probe", needed=True), worklist_item=item, patient=patient)


def _still(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "sequence")
    return _captured(api.still(exam_id, sequence=whole(fields, "sequence")))


def _clip(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "seconds", "from")
    seconds = number(fields, "seconds")
    if not 0 < seconds <= LONGEST_CLIP_S:
        raise FieldRefused("seconds", "is out of range", f"more than 0, at most {LONGEST_CLIP_S:g}")
    since = fields.get("from", _PAST)
    if since not in (_PAST, _NOW):
        raise FieldRefused("from", "is neither of the two", "give past or now")
    return _captured(api.clip(exam_id, seconds=seconds, past=since == _PAST))


def _captured(uids: Sequence[str]) -> Json:
    """A change of size within a clip makes several instances of it."""
    return {"sop_instance_uid": uids[0], "sop_instance_uids": list(uids)}


def _identify(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "worklist_item", "patient", "confirmed")
    item, patient = _whose(fields)
    if not item and patient is None:
        raise FieldRefused("patient", "is missing", "give patient or worklist_item")
    confirmed = fields.get("confirmed", False)
    if not isinstance(confirmed, bool):
        raise FieldRefused("confirmed", "is neither true nor false", "give one of them")
    return api.identify(exam_id, worklist_item=item, patient=patient, confirmed=confirmed)


def _correct(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "reason", "worklist_item", "patient", "instances", "laterality")
    item, patient = _whose(fields)
    instances = fields.get("instances")
    if instances is not None and not (
        isinstance(instances, list) and instances and all(isinstance(u, str) for u in instances)
    ):
        raise FieldRefused("instances", "is not a list of UIDs", "give SOP Instance UIDs")
    return api.correct(
        exam_id,
        reason=text(fields, "reason", needed=True),
        worklist_item=item,
        patient=patient,
        instances=instances,
        laterality=text(fields, "laterality"),
    )


def _end(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields)
    return api.end(exam_id)


def _discontinue(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "reason")
    return api.discontinue(exam_id, reason=text(fields, "reason", needed=True))


def _reopen(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields)
    return api.reopen(exam_id)


def _whose(fields: Fields) -> tuple[str, Json | None]:
    """worklist_item and patient: one of them, or none."""
    item, patient = text(fields, "worklist_item"), fields.get("patient")
    if patient is not None and not isinstance(patient, dict):
        raise FieldRefused("patient", "is no object", "give {id, name, birth_date, sex}")
    if item and patient is not None:
        raise FieldRefused("patient", "is given together with worklist_item", "give one of them")
    return item, patient

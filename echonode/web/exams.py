"""Exams over HTTP: their routes, and the form of what is sent and answered.

Patients pass here: who may call which of them is in access/route_table.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused, UsageError
from echonode.web.json_requests import Fields, answer, number, only, text, truth, whole

LONGEST_CLIP_S = 600.0
_PAST, _NOW = "past", "now"
Json = Mapping[str, Any]


class ExamApi(Protocol):
    """What the routes call; each answers what JSON takes.

    Raises FieldRefused, UsageError, OperatorRefused, IllegalTransition, CaptureRefused, StoreError.
    """

    def open(
        self, *, probe: str, worklist_item: str, patient: Json | None, on_request: bool
    ) -> Json: ...

    def exams(self, *, only_open: bool) -> Sequence[Json]: ...

    def exam(self, exam_id: str) -> Json: ...

    def end(self, exam_id: str) -> Json: ...

    def discontinue(self, exam_id: str, *, reason: str) -> Json: ...

    def reopen(self, exam_id: str) -> Json: ...

    def still(self, exam_id: str, *, sequence: int | None, freeze: str) -> Sequence[str]: ...

    def clip(
        self,
        exam_id: str,
        *,
        seconds: float,
        past: bool,
        last_sequence: int | None,
        freeze: str,
    ) -> Sequence[str]: ...

    def freeze(self, exam_id: str) -> Json: ...

    def unfreeze(self, exam_id: str, freeze: str) -> None: ...

    def frozen_picture(self, exam_id: str, freeze: str, sequence: int) -> bytes:
        """A JPEG."""

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

    def worklist(self, *, everything: bool) -> bytes:
        """JSON, as it is answered."""


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

        def work(_: Fields) -> Response:
            return Response(api.worklist(everything=everything), media_type="application/json")

        return await answer(request, work)

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
        action("freeze", _freeze, status=201),
        *_freeze_routes(api),
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
    only(fields, "probe", "worklist_item", "patient", "on_request")
    item, patient = _whose(fields)
    return api.open(
        probe=text(fields, "probe", needed=True),
        worklist_item=item,
        patient=patient,
        on_request=truth(fields, "on_request"),
    )


def _still(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "sequence", "freeze")
    sequence, freeze = whole(fields, "sequence"), text(fields, "freeze")
    return _captured(api.still(exam_id, sequence=sequence, freeze=freeze))


def _clip(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "seconds", "from", "last_sequence", "freeze")
    seconds = number(fields, "seconds")
    if not 0 < seconds <= LONGEST_CLIP_S:
        raise FieldRefused("seconds", "is out of range", f"more than 0, at most {LONGEST_CLIP_S:g}")
    since = fields.get("from", _PAST)
    if since not in (_PAST, _NOW):
        raise FieldRefused("from", "is neither of the two", "give past or now")
    last, freeze = whole(fields, "last_sequence"), text(fields, "freeze")
    if since == _NOW and (freeze or last is not None):
        field = "freeze" if freeze else "last_sequence"
        raise FieldRefused(field, "is of the past", "leave it out, or give from: past")
    return _captured(
        api.clip(exam_id, seconds=seconds, past=since == _PAST, last_sequence=last, freeze=freeze)
    )


def _freeze(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields)
    return api.freeze(exam_id)


def _freeze_routes(api: ExamApi) -> list[BaseRoute]:
    """A freeze's end, and its frames as JPEG."""

    async def unfreeze(request: Request) -> Response:
        def work(fields: Fields) -> Json:
            only(fields)
            api.unfreeze(_id(request), request.path_params["freeze"])
            return {}

        return await answer(request, work)

    async def frame(request: Request) -> Response:
        sequence = request.path_params["sequence"]

        def work(_: Fields) -> Response:
            if not (sequence.isascii() and sequence.isdecimal() and len(sequence) <= 16):
                raise UsageError("a frame is named by its number")
            freeze = request.path_params["freeze"]
            picture = api.frozen_picture(_id(request), freeze, int(sequence))
            return Response(picture, media_type="image/jpeg")

        return await answer(request, work)

    path = "/api/exams/{exam}/freeze/{freeze}"
    return [
        Route(path, unfreeze, methods=["DELETE"]),
        Route(f"{path}/frames/{{sequence}}", frame, methods=["GET"]),
    ]


def _captured(uids: Sequence[str]) -> Json:
    """A change of size within a clip makes several instances of it."""
    return {"sop_instance_uid": uids[0], "sop_instance_uids": list(uids)}


def _identify(api: ExamApi, exam_id: str, fields: Fields) -> Json:
    only(fields, "worklist_item", "patient", "confirmed")
    item, patient = _whose(fields)
    if not item and patient is None:
        raise FieldRefused("patient", "is missing", "give patient or worklist_item")
    confirmed = truth(fields, "confirmed")
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

"""Reports of exams and kept views over HTTP: their routes, and the form of what is sent.

Patients pass here: who may call which of them is in access/route_table.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused, UsageError
from echonode.model.identity import is_valid_uid
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, only, text, whole

_LONGEST_ID = 64
Json = Mapping[str, Any]


class ReportApi(Protocol):
    """What the routes call; each answers what JSON takes.

    Raises FieldRefused, UsageError, OperatorRefused, StoreError.
    """

    def templates(self) -> Sequence[Json]: ...

    def reports(self, exam_id: str) -> Sequence[Json]: ...

    def report(
        self,
        exam_id: str,
        *,
        template: str,
        language: str,
        findings: Mapping[str, str],
        conclusion: str,
        key_images: Sequence[tuple[str, int]] | None,
        measurements: Sequence[str] | None,
        by: str,
    ) -> Json: ...

    def pdf(self, exam_id: str, document_id: str) -> bytes: ...

    def present(
        self,
        uid: str,
        *,
        frame: int,
        description: str,
        window: tuple[float, float] | None,
        area: tuple[float, float, float, float] | None,
        notes: Sequence[tuple[str, tuple[float, float]]],
        language: str,
        by: str,
    ) -> Json: ...


def report_routes(api: ReportApi) -> list[BaseRoute]:
    """/api/report-templates, reports of exams, and presentation states of images.

    They stand before the operator's routes, whose POST /api/instances/UID/ACTION takes any word.
    """

    async def templates(request: Request) -> Response:
        return await answer(request, lambda _: list(api.templates()))

    async def reports(request: Request) -> Response:
        return await answer(request, lambda _: list(api.reports(_exam(request))))

    async def report(request: Request) -> Response:
        return await answer(request, lambda fields: _report(api, request, fields), status=201)

    async def pdf(request: Request) -> Response:
        return await answer(request, lambda _: _pdf(api, request))

    async def present(request: Request) -> Response:
        return await answer(request, lambda fields: _present(api, request, fields), status=201)

    return [
        Route("/api/report-templates", templates, methods=["GET"]),
        Route("/api/exams/{exam}/reports", reports, methods=["GET"]),
        Route("/api/exams/{exam}/report", report, methods=["POST"]),
        Route("/api/exams/{exam}/reports/{document}/pdf", pdf, methods=["GET"]),
        Route("/api/instances/{uid}/presentation", present, methods=["POST"]),
    ]


def _report(api: ReportApi, request: Request, fields: Fields) -> Json:
    only(fields, "template", "language", "findings", "conclusion", "key_images", "measurements")
    findings = fields.get("findings", {})
    if not isinstance(findings, dict) or not all(isinstance(v, str) for v in findings.values()):
        raise FieldRefused("findings", "is not an object of texts", "give {field: text}")
    return api.report(
        _exam(request),
        template=text(fields, "template", needed=True),
        language=text(fields, "language") or "en",
        findings=findings,
        conclusion=text(fields, "conclusion") if fields.get("conclusion") else "",
        key_images=_key_images(fields.get("key_images")),
        measurements=_texts("measurements", fields.get("measurements")),
        by=_by(request),
    )


def _key_images(value: object) -> list[tuple[str, int]] | None:
    if value is None:
        return None
    refused = FieldRefused(
        "key_images", "is not a list of images", "give [{sop_instance_uid, frame}, ...]"
    )
    if not isinstance(value, list):
        raise refused
    found = []
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("sop_instance_uid"), str):
            raise refused
        only(each, "sop_instance_uid", "frame")
        frame = whole(each, "frame")
        found.append((each["sop_instance_uid"], 1 if frame is None else frame))
    return found


def _texts(name: str, value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise FieldRefused(name, "is not a list of texts", "give a list")
    return value


def _pdf(api: ReportApi, request: Request) -> Response:
    document = str(request.path_params["document"])[:_LONGEST_ID]
    pages = api.pdf(_exam(request), document)
    return Response(
        pages,
        media_type="application/pdf",
        headers={
            "Cache-Control": "private, no-cache",
            # Its id, which names no patient.
            "Content-Disposition": f'inline; filename="{_plain(document)}.pdf"',
        },
    )


def _plain(document_id: str) -> str:
    return "".join(each for each in document_id if each.isascii() and each.isalnum())


def _present(api: ReportApi, request: Request, fields: Fields) -> Json:
    only(fields, "frame", "description", "window", "area", "notes", "language")
    uid = str(request.path_params["uid"])
    if not is_valid_uid(uid):
        raise UsageError("there is no such image here")
    frame = whole(fields, "frame")
    return api.present(
        uid,
        frame=1 if frame is None else frame,
        description=text(fields, "description") if fields.get("description") else "",
        window=_window(fields.get("window")),
        area=_area(fields.get("area")),
        notes=_notes(fields.get("notes", [])),
        language=text(fields, "language") or "en",
        by=_by(request),
    )


def _window(value: object) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"center", "width"}:
        raise FieldRefused("window", "is no window", "give {center, width}")
    center, width = _numbers("window", [value["center"], value["width"]], 2)
    return center, width


def _area(value: object) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    left, top, right, bottom = _numbers("area", value, 4)
    return left, top, right, bottom


def _notes(value: object) -> list[tuple[str, tuple[float, float]]]:
    refused = FieldRefused("notes", "is not a list of notes", "give [{text, point: [x, y]}, ...]")
    if not isinstance(value, list):
        raise refused
    found = []
    for each in value:
        if not isinstance(each, dict) or set(each) != {"text", "point"}:
            raise refused
        if not isinstance(each["text"], str):
            raise refused
        x, y = _numbers("notes", each["point"], 2)
        found.append((each["text"], (x, y)))
    return found


def _numbers(name: str, value: object, count: int) -> list[float]:
    refused = FieldRefused(name, "are not the numbers that it takes", f"give {count} numbers")
    if not isinstance(value, list) or len(value) != count:
        raise refused
    found = []
    for each in value:
        if isinstance(each, bool) or not isinstance(each, int | float) or abs(each) > 1e9:
            raise refused
        found.append(float(each))
    if not all(map(math.isfinite, found)):
        raise refused
    return found


def _exam(request: Request) -> str:
    return str(request.path_params["exam"])[:_LONGEST_ID]


def _by(request: Request) -> str:
    """Who asks; '' where no user is known."""
    caller = caller_of(request.scope)
    return caller.name if caller else ""

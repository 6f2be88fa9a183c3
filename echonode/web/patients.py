"""Patients that were seen before, offered where one is typed; and all that is held of one.

POST, because a patient's name in a path or query would stand in histories and logs of proxies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Protocol
from weakref import WeakSet

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.access.callers import UNKNOWN
from echonode.at_rest.reading import StoredFile
from echonode.errors import FieldRefused, OperatorRefused
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, only, text

LONGEST_TEXT = 64  # characters; a name and a birth date fit
Json = Mapping[str, Any]
# A name, or a Patient ID, or beginnings of them -> {patients, more}. Raises StoreError.
Search = Callable[[str], Json]


_CHUNK_BYTES = 256 * 1024


class PatientData(Protocol):
    """What is held of one patient, by the Patient ID; node/ gives it. Each raises StoreError."""

    def held(self, patient_id: str) -> Json:
        """{names, images, studies, quarantined, records, reasons}."""

    def export(self, patient_id: str) -> tuple[int, IO[bytes] | StoredFile]:
        """The size of a ZIP file, and the file. Raises UsageError, OperatorRefused."""

    def erase(self, patient_id: str, *, by: str) -> Json:
        """Raises OperatorRefused, UsageError."""


def patient_routes(search: Search, data: PatientData) -> list[BaseRoute]:
    """/api/patients/search, /held, /export and /erase."""
    # Each export is a copy of all of a patient's images on this disk: one at a time. One that a
    # browser left before its first byte counts until it is collected.
    making, sent = threading.Lock(), WeakSet[IO[bytes] | StoredFile]()

    def searched(fields: Fields) -> Json:
        only(fields, "text")
        wanted = text(fields, "text", needed=True)
        if len(wanted) > LONGEST_TEXT:
            raise FieldRefused("text", "is too long", f"give at most {LONGEST_TEXT} characters")
        return search(wanted)

    async def found(request: Request) -> Response:
        return await answer(request, searched)

    async def erased(request: Request) -> Response:
        by = (caller_of(request.scope) or UNKNOWN).name or "unknown"
        return await answer(request, lambda fields: data.erase(_patient(fields), by=by))

    async def held(request: Request) -> Response:
        return await answer(request, lambda fields: data.held(_patient(fields)))

    def export(fields: Fields) -> Response:
        patient_id = _patient(fields)
        if any(not each.closed for each in sent) or not making.acquire(blocking=False):
            raise OperatorRefused("an export is being made already: try again once it has ended")
        try:
            size, file = data.export(patient_id)
            sent.add(file)
        finally:
            making.release()
        return _download(size, file)

    async def exported(request: Request) -> Response:
        return await answer(request, export)

    return [
        Route("/api/patients/search", found, methods=["POST"]),
        Route("/api/patients/held", held, methods=["POST"]),
        Route("/api/patients/export", exported, methods=["POST"]),
        Route("/api/patients/erase", erased, methods=["POST"]),
    ]


def _patient(fields: Fields) -> str:
    only(fields, "patient_id")
    return text(fields, "patient_id", needed=True)


def _download(size: int, file: IO[bytes] | StoredFile) -> Response:
    """The file's name says nothing of the patient."""
    return StreamingResponse(
        _pieces(file),
        media_type="application/zip",
        headers={
            "Content-Disposition": 'attachment; filename="patient.zip"',
            "Content-Length": str(size),
            "Cache-Control": "no-store",
        },
    )


def _pieces(file: IO[bytes] | StoredFile) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece

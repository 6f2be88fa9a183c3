"""STOW-RS: instances that are posted (PS3.18 10.5).

Rules
- The body is read as it arrives, with a length or in chunks; of each part WRITE_BYTES are held.
- Parts are stored one after the other; the answer comes when all of them are durable or refused.
- A body that breaks off or is no multipart is refused (400); what was complete before is stored,
  and the same instances sent again are a success.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from echonode.dicomweb.accept import media_type_of
from echonode.dicomweb.addresses import checked_uid, service_address
from echonode.dicomweb.answers import DICOM, DICOM_JSON, Refused
from echonode.dicomweb.multipart import BadMultipart, Event, MultipartReader, PartData, PartHead
from echonode.dicomweb.searching import Handler, json_type
from echonode.dicomweb.store_outcomes import Outcome, answer_json, http_status
from echonode.dicomweb.streaming import FileThreads
from echonode.dicomweb.upload import Intake, Upload
from echonode.model.identity import Peer
from echonode.model.status import CANNOT_UNDERSTAND, OUT_OF_RESOURCES

WRITE_BYTES = 512 * 1024
# Of one request: each is remembered until the answer. A study of a whole day has a tenth of it.
MOST_INSTANCES = 20_000


def store_handler(intake: Intake, caller: Peer, threads: FileThreads) -> Handler:
    """Stores what is posted. caller: who it is stored as coming from."""

    async def store(request: Request) -> Response:
        json_type(request)
        only_study = request.path_params.get("study", "")
        if only_study:
            checked_uid("StudyInstanceUID", only_study)
        reader = _reader(request.headers.get("content-type", ""))

        def upload() -> Upload:
            return Upload(intake, caller, only_study=only_study)

        receiving = _Receiving(upload, threads)
        try:
            async for piece in request.stream():
                for event in reader.feed(piece):
                    await receiving.take(event)
            reader.close()
        except BadMultipart as fault:
            raise Refused(
                400,
                f"the body is not multipart/related: {fault}",
                remedy="send it again; what was stored of it already is a success then",
            ) from None
        except ClientDisconnect:
            raise Refused(400, "the body is cut off") from None
        finally:
            await threads.run(receiving.discard)
        if not receiving.outcomes:
            raise Refused(400, "the body has no part", remedy="send an instance in each part")
        return _answer(receiving.outcomes, service_address(request))

    return store


def _answer(outcomes: list[Outcome], address: str) -> Response:
    status = http_status(outcomes)
    headers = {"Retry-After": "30"} if status == 503 else None
    return Response(answer_json(outcomes, address), status, headers, media_type=DICOM_JSON)


def _reader(content_type: str) -> MultipartReader:
    """Raises Refused 415, 400."""
    kind = media_type_of(content_type)
    if kind is None or kind.type != "multipart/related":
        raise Refused(
            415, "instances are posted as multipart/related", remedy=f'with type="{DICOM}"'
        )
    if kind.part not in (DICOM, "*/*"):
        raise Refused(415, f"the parts must be {DICOM}: JSON and XML are not stored here")
    try:
        return MultipartReader(kind.parameters.get("boundary", ""))
    except BadMultipart as fault:
        raise Refused(400, str(fault)) from None


class _Receiving:
    """The parts of one request."""

    def __init__(self, upload: Callable[[], Upload], threads: FileThreads) -> None:
        self._upload = upload
        self._threads = threads
        self._current: Upload | None = None
        self._held = bytearray()
        self.outcomes: list[Outcome] = []

    async def take(self, event: Event) -> None:
        """The next of the body."""
        match event:
            case PartHead(headers):
                self._current = self._upload()
                kind = media_type_of(headers.get("content-type", DICOM))
                if kind is None or kind.type != DICOM:
                    self._current.refuse(CANNOT_UNDERSTAND)
                if len(self.outcomes) >= MOST_INSTANCES:
                    self._current.refuse(OUT_OF_RESOURCES)
            case PartData(data):
                self._held += data
                if len(self._held) >= WRITE_BYTES:
                    await self._write()
            case _:
                await self._write()
                current, self._current = self._current, None
                if current is not None:
                    self.outcomes.append(await self._threads.run(current.finish))

    def discard(self) -> None:
        """Remove what was received of a part that was not complete."""
        if self._current is not None:
            self._current.discard()

    async def _write(self) -> None:
        current, data = self._current, bytes(self._held)
        self._held.clear()
        if current is not None and data:
            await self._threads.run(lambda: current.write(data))

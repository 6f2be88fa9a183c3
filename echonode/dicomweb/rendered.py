"""Pictures of frames, and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4).

Rules
- JPEG or PNG; of a cine the first frame, where the path names none. Several frames, and the
  instances of a study or series, come as multipart/related.
- A thumbnail is of one image, the first of what the path names that has one.
- Pictures are made in a few threads: who asks for many waits, and holds up no download.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.accept import accepted
from echonode.dicomweb.addresses import frame_numbers, selection
from echonode.dicomweb.answers import JPEG, PNG, Refused
from echonode.dicomweb.multipart import end, part_head
from echonode.dicomweb.rendering_parameters import Rendering, read_rendering, read_viewport
from echonode.dicomweb.responses import (
    boundary_of,
    entity_tag,
    from_thread,
    multipart_type,
    not_modified,
)
from echonode.dicomweb.scaling import Viewport, fitted
from echonode.dicomweb.searching import Handler
from echonode.errors import InvalidObject
from echonode.model.criteria import Selection
from echonode.model.instance import StoredInstance
from echonode.store.index.descriptions import Descriptions
from echonode.transcoding.picture import picture_of
from echonode.transcoding.picture_file import jpeg_of, png_of
from echonode.transcoding.single_frame import FrameReader

_THREADS = 2
# A thumbnail's longer side, in pixels, where the request names none.
_THUMBNAIL = Viewport(width=128, height=128)
# Instances that are looked at for one that has a picture: a study may begin with reports.
_MOST_LOOKED_AT = 20


class Rendered:
    """Makes pictures for all requests. Thread-safe."""

    def __init__(self, descriptions: Descriptions, reader: FrameReader) -> None:
        self._descriptions = descriptions
        self._reader = reader
        self.threads = CapacityLimiter(_THREADS)

    def instances(self, named: Selection) -> list[StoredInstance]:
        """What a path names. Raises Refused 404, StoreError."""
        found = list(self._descriptions.instances(named))
        if not found:
            raise Refused(404, "there is no such instance here")
        return found

    def size(self, instance: StoredInstance) -> tuple[int, int]:
        """Rows and columns of its frames. Raises InvalidObject, OSError."""
        pixels = self._reader.frame(instance, 0).pixels
        return pixels.rows, pixels.columns

    def picture(
        self, instance: StoredInstance, number: int, rendering: Rendering, media_type: str
    ) -> bytes:
        """Frame `number`, from 1 on, as a file. Raises InvalidObject, Refused, OSError."""
        frame = self._reader.frame(instance, number - 1)
        presentation = frame.presentation
        if rendering.window is not None:
            presentation = presentation.windowed(rendering.window)
        shown = picture_of(frame.native, frame.pixels, presentation)
        if rendering.viewport is not None:
            shown = fitted(shown, rendering.viewport)
        if media_type == PNG:
            return png_of(shown)
        try:
            return jpeg_of(shown, rendering.quality)
        except (ValueError, RuntimeError) as error:  # 65,500 is the longest side of a JPEG
            raise InvalidObject(f"it cannot be a JPEG ({type(error).__name__})") from None

    def rendered_handler(self) -> Handler:
        """Answers pictures."""

        async def rendered(request: Request) -> Response:
            named, numbers = selection(request), _numbers(request)
            rendering = read_rendering(request.query_params)
            media_type, is_multipart = picture_type(request)
            instances = await to_thread.run_sync(self.instances, named, limiter=self.threads)
            wanted = [(each, number) for each in instances for number in numbers]
            etag = entity_tag(
                "rendered",
                *(each.dataset_sha256 for each in instances),
                *(numbers, rendering, media_type, is_multipart),
            )
            if (unchanged := not_modified(request, etag)) is not None:
                return unchanged
            if len(wanted) == 1 and not is_multipart:
                content = await self.made(*wanted[0], rendering, media_type)
                return Response(content, headers=_headers(etag), media_type=media_type)
            return await from_thread(
                request,
                self._parts(wanted, rendering, media_type, boundary_of(etag)),
                media_type=multipart_type(media_type, boundary_of(etag)),
                headers=_headers(etag),
            )

        return rendered

    def thumbnail_handler(self) -> Handler:
        """Answers thumbnails."""

        async def thumbnail(request: Request) -> Response:
            named, (number, *_) = selection(request), _numbers(request)
            text = request.query_params.get("viewport")
            viewport = _THUMBNAIL if text is None else read_viewport(text)
            media_type, _ = picture_type(request)
            rendering = Rendering(viewport=viewport)
            instances = await to_thread.run_sync(self.instances, named, limiter=self.threads)
            etag = entity_tag(
                "thumbnail",
                *(each.dataset_sha256 for each in instances),
                *(number, rendering, media_type),
            )
            if (unchanged := not_modified(request, etag)) is not None:
                return unchanged
            for instance in instances[:_MOST_LOOKED_AT]:
                try:
                    content = await self.made(instance, number, rendering, media_type)
                except Refused:
                    continue
                return Response(content, headers=_headers(etag), media_type=media_type)
            raise Refused(404, "it has no picture")

        return thumbnail

    async def made(
        self, instance: StoredInstance, number: int, rendering: Rendering, media_type: str
    ) -> bytes:
        """A picture, made in a thread. Raises Refused."""
        return await to_thread.run_sync(
            self._made, instance, number, rendering, media_type, limiter=self.threads
        )

    def _made(
        self, instance: StoredInstance, number: int, rendering: Rendering, media_type: str
    ) -> bytes:
        try:
            return self.picture(instance, number, rendering, media_type)
        except InvalidObject as fault:
            raise Refused(404, f"it has no picture: {fault}") from None

    def _parts(
        self,
        wanted: Iterable[tuple[StoredInstance, int]],
        rendering: Rendering,
        media_type: str,
        boundary: str,
    ) -> Generator[bytes, None, None]:
        """Each picture as a part; an instance without one, such as a report, is left out."""
        first, fault = True, ""
        for instance, number in wanted:
            try:
                content = self.picture(instance, number, rendering, media_type)
            except InvalidObject as refused:
                fault = str(refused)
                continue
            yield part_head(boundary, {"Content-Type": media_type}, first=first) + content
            first = False
        if first:
            raise Refused(404, f"it has no picture: {fault}")
        yield end(boundary, first=False)


def picture_type(request: Request) -> tuple[str, bool]:
    """The media type that is wanted most, and whether in several parts. Raises Refused 406."""
    ranges = accepted(request.headers.get("accept", ""), request.query_params.get("accept", ""))
    for each in ranges:
        for offered in (JPEG, PNG):
            if each.takes(offered):
                return offered, each.is_multipart
    raise Refused(406, "pictures are JPEG or PNG", remedy="accept image/jpeg or image/png")


def _numbers(request: Request) -> Sequence[int]:
    text = request.path_params.get("frames")
    return [1] if text is None else frame_numbers(text)


def _headers(etag: str) -> Mapping[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-cache"}

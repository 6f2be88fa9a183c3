"""Frames as JPEG and PNG, as the console asks for them; the newest are kept in memory.

Rules
- What is kept has a limit in bytes; the least recently asked for goes first.
- A picture's tag is made of the instance's bytes and what was asked: the same tag, the same bytes,
  so that a browser that has it is answered without decoding anything.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from echonode.errors import InvalidObject
from echonode.model.instance import StoredInstance
from echonode.transcoding.grayscale_display import srgb_table
from echonode.transcoding.picture import Window, picture_of
from echonode.transcoding.picture_file import (
    HIGHEST_QUALITY,
    LOWEST_QUALITY,
    QUALITY,
    jpeg_of,
    png_of,
)
from echonode.transcoding.single_frame import FrameReader

# A cine of 300 frames at 60 kB and a few stills: what one person reviews.
CACHE_BYTES = 32 * 1024 * 1024
_ENTRY_BYTES = 300  # of the bookkeeping
# Part of each tag: a change in how pictures are made makes other bytes under another tag.
_MADE_AS = "3"


class PictureKind(StrEnum):
    """The file that a frame becomes."""

    JPEG = "jpeg"
    PNG = "png"


@dataclass(frozen=True, kw_only=True)
class PictureRequest:
    """One frame as a picture. number: from 0 on. quality: of a JPEG.

    window: instead of the image's own window or VOI LUT; None for that. for_srgb: grey values
    become what an sRGB screen needs to show them by PS3.14; else they are P-values as they are.
    """

    number: int
    kind: PictureKind = PictureKind.JPEG
    quality: int = QUALITY
    window: Window | None = None
    for_srgb: bool = False

    def __post_init__(self) -> None:
        if not LOWEST_QUALITY <= self.quality <= HIGHEST_QUALITY:
            raise ValueError("quality is 1 to 100")
        if self.window is not None and not self.window.is_valid:
            raise ValueError("the window cannot be applied")


class RenderedFrames:
    """Makes and keeps pictures. Thread-safe; callers bound how many are made at once."""

    def __init__(self, reader: FrameReader, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._reader = reader
        self._limit = cache_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()  # by tag; the last used at the end
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def kept_bytes(self) -> int:
        """In memory just now."""
        return self._bytes

    def picture(self, instance: StoredInstance, request: PictureRequest) -> bytes:
        """The file's bytes. Raises InvalidObject, OSError."""
        tag = tag_of(instance, request)
        with self._lock:
            kept = self._kept.get(tag)
            if kept is not None:
                self._kept.move_to_end(tag)
                return kept
        made = self._made(instance, request)
        with self._lock:
            self._keep(tag, made)
        return made

    def _made(self, instance: StoredInstance, request: PictureRequest) -> bytes:
        frame = self._reader.frame(instance, request.number)
        presentation = frame.presentation
        if request.window is not None:
            presentation = presentation.windowed(request.window)
        picture = picture_of(frame.native, frame.pixels, presentation)
        if request.for_srgb and picture.shape[-1] == 1:
            picture = srgb_table()[picture]
        if request.kind is PictureKind.PNG:
            return png_of(picture)
        try:
            return jpeg_of(picture, request.quality)
        except (ValueError, RuntimeError) as error:  # 65,500 is the longest side of a JPEG
            raise InvalidObject(f"it cannot be a JPEG ({type(error).__name__})") from None

    def _keep(self, tag: str, made: bytes) -> None:
        cost = len(made) + _ENTRY_BYTES
        if cost > self._limit or tag in self._kept:
            return
        self._kept[tag] = made
        self._bytes += cost
        while self._bytes > self._limit:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone) + _ENTRY_BYTES


def tag_of(instance: StoredInstance, request: PictureRequest) -> str:
    """Of the picture that is asked for: of the same bytes, asked for in the same way, the same."""
    asked = (
        *(_MADE_AS, instance.dataset_sha256, instance.transfer_syntax_uid, str(request.number)),
        *(request.kind.value, str(request.quality), repr(request.window)),
        *(("srgb",) if request.for_srgb else ()),
    )
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:32]

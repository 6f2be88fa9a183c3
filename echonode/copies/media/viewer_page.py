"""The page of a medium that shows its images in any browser, as one file.

Rules
- Self-contained: pictures, style and script are in it, and its policy forbids every request; it
  works from a disc without a network.
- Whatever comes from an object is JSON in which `<`, `>` and `&` are escaped, and becomes text of
  the page, never markup.
- The pictures of all objects together have a limit (PICTURE_BYTES): more objects get smaller ones,
  and a long cine fewer frames, with the times of those that are left out. The page says so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from echonode.copies.pictures.stills import shown
from echonode.copies.source import CopyOptions, CopySource
from echonode.errors import EchoNodeError, InvalidObject
from echonode.model.parse_faults import fenced
from echonode.review.image_view import image_view
from echonode.transcoding.picture import Picture
from echonode.transcoding.picture_file import jpeg_of
from echonode.transcoding.scaled_picture import scaled

# A browser on an old computer holds this, and a page of it opens within seconds.
PICTURE_BYTES = 32 * 1024 * 1024
_SIDES = (1024, 640, 400, 256)  # of a picture, in pixels: the first that leaves enough frames
_ENOUGH_FRAMES, _MOST_FRAMES = 24, 240  # of a cine
_QUALITY = 80
_DEFAULT_FRAME_MS = 100.0  # of a cine that does not say; the page says that it is not known
_TEMPLATE = Path(__file__).with_name("viewer_page.html")
_MARK = "<!-- images -->"


@dataclass(frozen=True, kw_only=True)
class _Image:
    """One object on the page. texts: as JSON. pictures: JPEG."""

    texts: dict[str, object]
    pictures: tuple[bytes, ...]


class ViewerPage:
    """Collects pictures. objects: how many there will be."""

    def __init__(self, objects: int) -> None:
        self._each = PICTURE_BYTES // max(1, objects)
        self._images: list[_Image] = []

    def add(self, source: CopySource, name: str) -> None:
        """Take an object in; one without a picture is listed. name: of its file. Raises Damaged."""
        header = source.header
        frames: list[tuple[int, float]] = []
        pictures: list[bytes] = []
        timed = True
        try:
            if source.frames:
                view = image_view(header)
                timed = source.frames == 1 or bool(view.durations_ms)
                pictures, frames = self._pictures(source, view.durations_ms)
        except InvalidObject:
            pictures = []
        texts: dict[str, object] = {
            "file": name,
            "frames": source.frames,
            "timed": timed,
            "durations": [round(duration, 3) for _, duration in frames],
            "numbers": [number + 1 for number, _ in frames],
            **_texts(header),
        }
        self._images.append(_Image(texts=texts, pictures=tuple(pictures)))

    def _pictures(
        self, source: CopySource, durations: tuple[float, ...]
    ) -> tuple[list[bytes], list[tuple[int, float]]]:
        """JPEGs within the limit of one object; of each its number and how long it is shown."""
        options, count = CopyOptions(), source.frames
        first = shown(source, 0, options)
        side, most = 0, 0
        for side in _SIDES:
            most = min(self._each // max(1, len(_jpeg(first, side))), _MOST_FRAMES)
            if most >= min(count, _ENOUGH_FRAMES):
                break
        if not most:
            return [], []
        numbers = [place * count // min(most, count) for place in range(min(most, count))]
        each = durations or (_DEFAULT_FRAME_MS,) * count
        frames = [
            (number, sum(each[number:following]))
            for number, following in zip(numbers, [*numbers[1:], count], strict=True)
        ]
        return [_jpeg(shown(source, number, options), side) for number in numbers], frames

    def html(self) -> Iterator[bytes]:
        """The page."""
        before, after = _TEMPLATE.read_text(encoding="utf-8").split(_MARK)
        yield before.encode()
        for image in self._images:
            pictures = [base64.b64encode(each).decode() for each in image.pictures]
            content = json.dumps({**image.texts, "pictures": pictures}, ensure_ascii=True)
            for sign in "<>&":
                content = content.replace(sign, f"\\u{ord(sign):04x}")
            yield f'<script type="application/json">{content}</script>\n'.encode()
        yield after.encode()


def _jpeg(picture: Picture, side: int) -> bytes:
    rows, columns = picture.shape[:2]
    scale = min(1.0, side / max(rows, columns))
    small = scaled(picture, max(1, round(rows * scale)), max(1, round(columns * scale)))
    try:
        return jpeg_of(small, _QUALITY)
    except (ValueError, RuntimeError) as error:
        raise InvalidObject(f"it cannot be a JPEG ({type(error).__name__})") from None


def _texts(header: Dataset) -> dict[str, str]:
    """What the page says of an object."""
    return {
        "patient": _name(header),
        "id": _text(header, "PatientID"),
        "birth": _date(_text(header, "PatientBirthDate")),
        "study": _text(header, "StudyDescription"),
        "date": _date(_text(header, "StudyDate")),
        "key": _text(header, "StudyInstanceUID"),
        "series": _text(header, "SeriesDescription"),
        "modality": _text(header, "Modality"),
        "comment": _text(header, "ImageComments"),
    }


def _name(header: Dataset) -> str:
    """The name's groups, each as it is said: family and given name (PS3.5 6.2.1)."""
    groups = _text(header, "PatientName").split("=")
    said = [" ".join(part for part in group.split("^") if part) for group in groups]
    return " / ".join(group for group in said if group)


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _text(header: Dataset, keyword: str) -> str:
    try:
        with fenced(keyword):
            value = header.get(keyword)
            return "" if value is None else str(value).strip()
    except EchoNodeError:
        return ""

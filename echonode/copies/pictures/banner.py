"""Who and when, burned into a strip above a picture, where a person asks for it.

Rules
- Only on request: a picture with a name is a patient's record, wherever it is sent.
- A name is written in the scripts that the installed fonts have; what none of them has is left out
  of a name with several groups, and otherwise refused: a name is not shown with holes.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset

from echonode.errors import InvalidObject, UsageError
from echonode.model.parse_faults import fenced
from echonode.transcoding.picture import Picture

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

    Line = list[tuple[FreeTypeFont, str]]

_FOLDERS = ("/usr/share/fonts/truetype", "/usr/share/fonts/opentype", "/usr/local/share/fonts")
_FILES = (
    *("noto/NotoSans-Regular.ttf", "noto/NotoSansArabic-Regular.ttf"),
    *("noto/NotoSansHebrew-Regular.ttf", "noto/NotoSansThai-Regular.ttf"),
    *("noto/NotoSansDevanagari-Regular.ttf", "noto/NotoSansCJK-Regular.ttc"),
    "droid/DroidSansFallbackFull.ttf",
)
_SMALLEST, _SHARE = 12, 32  # pixels of a letter: a 32nd of the picture's width, or 12
_LEAST_READABLE = 9  # for a long name
_ABSENT = "\uffff"


def with_banner(picture: Picture, header: Dataset) -> Picture:
    """The picture below a strip. Raises InvalidObject for a name in a script without a font,
    UsageError without Pillow.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise UsageError("--banner needs the package Pillow, not installed here") from None
    columns = picture.shape[1]
    lines, size = _fitting(_lines(header), columns)
    step = round(1.4 * size)
    strip = Image.new("L", (columns, step * len(lines) + size // 2), 0)
    draw = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        place = size / 2
        for font, text in line:
            middle = size // 4 + step * (number + 0.5)
            draw.text((place, middle), text, fill=255, font=font, anchor="lm")
            place += draw.textlength(text, font=font)
    drawn = np.asarray(strip, np.uint8)[..., np.newaxis]
    whole: Picture = np.concatenate([np.repeat(drawn, picture.shape[2], axis=2), picture])
    return whole


def _fitting(texts: list[str], columns: int) -> tuple[list[Line], int]:
    """The lines in letters as large as the picture's width takes, and their size in pixels."""
    size = max(_SMALLEST, columns // _SHARE)
    while True:
        lines = [_runs(text, size) for text in texts]
        widest = max(sum(font.getlength(text) for font, text in line) for line in lines)
        if widest + size <= columns:
            return lines, size
        if size <= _LEAST_READABLE:
            raise InvalidObject("its picture is too narrow for a banner")
        size -= 1


def _lines(header: Dataset) -> list[str]:
    """The name; then ID and date."""
    with fenced("what its banner says cannot be read"):
        name = str(header.get("PatientName") or "")
        rest = [str(header.get("PatientID") or ""), _date(str(header.get("StudyDate") or ""))]
    groups = [" ".join(part for part in group.split("^") if part) for group in name.split("=")]
    written = [group for group in groups if group and _is_covered(group, _SMALLEST)]
    if any(groups) and not written:
        raise InvalidObject(
            "no installed font has the letters of its patient's name (Debian: fonts-noto-core, "
            "fonts-droid-fallback)"
        )
    return [line for line in (" / ".join(written), "   ".join(filter(None, rest))) if line] or [" "]


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _is_covered(text: str, size: int) -> bool:
    return all(_font_of(letter, size) is not None for letter in text)


def _runs(text: str, size: int) -> Line:
    """Parts of the text that one font has; letters without a font are left out."""
    parts = groupby(text, key=lambda letter: _font_of(letter, size))
    return [(_fonts(size)[font], "".join(part)) for font, part in parts if font is not None]


@lru_cache(maxsize=4096)
def _font_of(letter: str, size: int) -> int | None:
    """The first font that has the letter, by its place."""
    for place, font in enumerate(_fonts(size)):
        if letter == " " or bytes(font.getmask(letter)) != bytes(font.getmask(_ABSENT)):
            return place
    return None


@lru_cache(maxsize=8)
def _fonts(size: int) -> tuple[FreeTypeFont, ...]:
    from PIL import ImageFont

    paths = [
        path for folder in _FOLDERS for file in _FILES if (path := Path(folder, file)).is_file()
    ]
    found = [ImageFont.truetype(str(path), size) for path in paths]
    if not found:
        built_in = ImageFont.load_default(size)
        assert isinstance(built_in, ImageFont.FreeTypeFont)
        found.append(built_in)
    return tuple(found)

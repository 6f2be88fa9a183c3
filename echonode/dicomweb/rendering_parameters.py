"""How a picture is asked for: of WADO-RS and of WADO-URI (PS3.18 8.3.5, 9.1.2). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from echonode.dicomweb.answers import Refused
from echonode.dicomweb.scaling import LONGEST_SIDE, Viewport
from echonode.transcoding.picture import VoiFunction, Window
from echonode.transcoding.picture_file import HIGHEST_QUALITY, LOWEST_QUALITY, QUALITY

_FUNCTIONS = {
    "linear": VoiFunction.LINEAR,
    "linear-exact": VoiFunction.LINEAR_EXACT,
    "sigmoid": VoiFunction.SIGMOID,
}
Parameters = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """quality: of a JPEG. window: instead of the image's own. viewport: None for all of it."""

    quality: int = QUALITY
    window: Window | None = None
    viewport: Viewport | None = None


def read_rendering(parameters: Parameters) -> Rendering:
    """Of WADO-RS: quality, window and viewport (8.3.5.1). Raises Refused."""
    quality = _quality(parameters.get("quality"))
    window = viewport = None
    if (text := parameters.get("window")) is not None:
        center, width, name = _parts(text, "window", least=3, most=3)
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise Refused(400, "window ends with linear, linear-exact or sigmoid")
        window = _window(center, width, function)
    if (text := parameters.get("viewport")) is not None:
        viewport = read_viewport(text)
    return Rendering(quality=quality, window=window, viewport=viewport)


def read_viewport(text: str) -> Viewport:
    """Width and height, and then the part: left, top, across, down. Raises Refused."""
    parts = _parts(text, "viewport", least=2, most=6)
    width, height, *part = parts
    left, top, across, down = [*part, "", "", "", ""][:4]
    shown = [_whole_or_none(each, "viewport") for each in (left, top, across, down)]
    return Viewport(
        width=_side(width, "viewport"),
        height=_side(height, "viewport"),
        left=shown[0] or 0,
        top=shown[1] or 0,
        across=shown[2],
        down=shown[3],
    )


def read_uri_rendering(parameters: Parameters, *, rows: int, columns: int) -> Rendering:
    """Of WADO-URI, for an image of that size (9.1.2.2). Raises Refused."""
    quality = _quality(parameters.get("imageQuality"))
    center, width = parameters.get("windowCenter"), parameters.get("windowWidth")
    if (center is None) != (width is None):
        raise Refused(400, "windowCenter and windowWidth belong together")
    window = None
    if center is not None and width is not None:
        window = _window(center, width, VoiFunction.LINEAR)
    viewport = Viewport(
        width=_side_or_none(parameters.get("columns"), "columns"),
        height=_side_or_none(parameters.get("rows"), "rows"),
    )
    if (text := parameters.get("region")) is not None:
        left, top, right, bottom = (
            _decimal(each, "region") for each in _parts(text, "region", least=4, most=4)
        )
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise Refused(400, "region is four numbers from 0 to 1: left, top, right, bottom")
        viewport = replace(
            viewport,
            left=left * columns,
            top=top * rows,
            across=max(1.0, (right - left) * columns),
            down=max(1.0, (bottom - top) * rows),
        )
    return Rendering(quality=quality, window=window, viewport=viewport)


def _parts(text: str, name: str, *, least: int, most: int) -> list[str]:
    parts = [part.strip() for part in text.split(",", most)]
    if not least <= len(parts) <= most:
        raise Refused(400, f"{name} has {least} to {most} values with commas between them")
    return parts


def _quality(text: str | None) -> int:
    if text is None:
        return QUALITY
    quality = _whole_or_none(text, "the quality")
    if quality is None or not LOWEST_QUALITY <= quality <= HIGHEST_QUALITY:
        raise Refused(400, f"the quality is {LOWEST_QUALITY} to {HIGHEST_QUALITY}")
    return quality


def _window(center: str, width: str, function: VoiFunction) -> Window:
    window = Window(
        center=_decimal(center, "the window"),
        width=_decimal(width, "the window"),
        function=function,
    )
    if not window.is_valid:
        raise Refused(400, "the window's width is too small (PS3.3 C.11.2.1.2)")
    return window


def _decimal(text: str, name: str) -> float:
    try:
        number = float(text) if len(text) <= 32 else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Refused(400, f"{name} has a value that is not a number")
    return number


def _whole_or_none(text: str, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise Refused(400, f"{name} has a value that is not a whole number")
    return int(text)


def _side_or_none(text: str | None, name: str) -> int | None:
    return None if text is None else _side(text, name)


def _side(text: str, name: str) -> int:
    side = _whole_or_none(text, name)
    if side is None or not 1 <= side <= LONGEST_SIDE:
        raise Refused(400, f"{name} has a size of 1 to {LONGEST_SIDE} pixels")
    return side

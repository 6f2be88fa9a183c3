"""A line of text as pieces in the order they are seen: direction, font, shaped glyphs. Pure.

Rules
- Directions are resolved by the Unicode bidirectional algorithm (UAX 9, python-bidi), and glyphs by
  HarfBuzz: Arabic joins, Indic scripts reorder.
- A piece keeps its characters in the order they are seen, as a PDF's content has them: readers of
  text turn those that run from right to left around again.
- Text is broken between words, and Chinese and Japanese between characters. A word that is longer
  than the line is broken where it must be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from echonode.objects.reports.font_files import FontFile, Fonts

# No ligatures of Latin text: each letter stays a letter for who searches the file.
_FEATURES = {"liga": False, "clig": False, "dlig": False, "kern": False}
_WIDE = frozenset({"W", "F"})
_PIECES = re.compile(r"\s+|\S+")


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """One glyph. Advance and offset in parts of the em."""

    number: int
    advance: float
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Part of a line, in one font and direction. seen: its characters as they are seen.

    is_plain: each character is its own glyph, at its own width: it can be drawn as text.
    width: in parts of the em.
    """

    font: FontFile
    seen: str
    glyphs: tuple[Glyph, ...]
    width: float
    is_plain: bool


def is_right_to_left(text: str) -> bool:
    """By its first strong character (UAX 9, P2)."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return False


def pieces_of(text: str, fonts: Fonts) -> list[Piece]:
    """Of one line, from left to right. Raises OperatorRefused where no font has a character."""
    text = _shown(text)
    if not text:
        return []
    found: list[Piece] = []
    for rtl, seen in _directions(text):
        logical = seen[::-1] if rtl else seen
        faces = fonts.of(logical)
        parts = []
        start = 0
        for face, same in groupby(faces):
            end = start + len(list(same))
            parts.append(_piece(face, logical[start:end], rtl=rtl))
            start = end
        found += reversed(parts) if rtl else parts
    return found


def width_of(text: str, fonts: Fonts) -> float:
    """In parts of the em."""
    return sum(piece.width for piece in pieces_of(text, fonts))


def lines_of(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """A text broken into lines of at most `width`; an empty line stays."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for part in _breakable(paragraph):
            if line and measure((line + part).rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
                part = part.lstrip()  # a line does not begin with the space before it
            while len(part) > 1 and measure(part.rstrip()) > width:
                fits = _fitting(part, width, measure)
                lines.append(part[:fits])
                part = part[fits:]  # what is left of it
            line += part
        lines.append(line.rstrip())
    return lines


def _fitting(part: str, width: float, measure: Callable[[str], float]) -> int:
    """How many of its characters go into a line; at least one."""
    low, high = 1, len(part)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(part[:middle]) <= width else (low, middle - 1)
    return low


def _breakable(paragraph: str) -> list[str]:
    """Words with the space before them; wide characters alone."""
    found: list[str] = []
    for part in _PIECES.findall(paragraph):
        if part.isspace():
            found.append(part)
            continue
        start = 0
        for position, (before, after) in enumerate(pairwise(part), start=1):
            if _is_wide(before) or _is_wide(after):
                found.append(part[start:position])
                start = position
        found.append(part[start:])
    return found


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in _WIDE


def _shown(text: str) -> str:
    """Composed, without what has no look of its own."""
    text = unicodedata.normalize("NFC", text.replace("\t", " "))
    return "".join(each for each in text if unicodedata.category(each) not in ("Cc", "Cf"))


def _directions(text: str) -> list[tuple[bool, str]]:
    """(from right to left, characters as they are seen), from left to right."""
    if text.isascii() or not any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text):
        return [(False, text)]
    from bidi import algorithm  # only for text that needs it

    storage = algorithm.get_empty_storage()
    base = algorithm.get_base_level(text)
    storage["base_level"] = base
    storage["base_dir"] = ("L", "R")[base]
    algorithm.get_embedding_levels(text, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, debug=False)
    algorithm.resolve_implicit_levels(storage, debug=False)
    algorithm.reorder_resolved_levels(storage, debug=False)
    algorithm.apply_mirroring(storage, debug=False)
    runs = groupby(storage["chars"], key=lambda each: each["level"] % 2 == 1)
    return [(rtl, "".join(each["ch"] for each in run)) for rtl, run in runs]


def _piece(file: FontFile, logical: str, *, rtl: bool) -> Piece:
    import uharfbuzz  # only where a report is made

    font = file.shaper
    buffer = uharfbuzz.Buffer()
    buffer.add_str(logical)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if rtl else "ltr"
    uharfbuzz.shape(font, buffer, _FEATURES)
    em = font.face.upem
    glyphs = tuple(
        Glyph(
            number=info.codepoint,
            advance=place.x_advance / em,
            x=place.x_offset / em,
            y=place.y_offset / em,
        )
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    )
    seen = logical[::-1] if rtl else logical
    return Piece(
        font=file,
        seen=seen,
        glyphs=glyphs,
        width=sum(glyph.advance for glyph in glyphs),
        is_plain=_is_plain(font, seen, glyphs),
    )


def _is_plain(font: Any, seen: str, glyphs: Sequence[Glyph]) -> bool:
    if len(seen) != len(glyphs):
        return False
    return all(
        glyph.number == font.get_nominal_glyph(ord(character)) and not glyph.x and not glyph.y
        for character, glyph in zip(seen, glyphs, strict=True)
    )


def outline_of(file: FontFile, glyph: int) -> list[tuple[str, tuple[float, ...]]]:
    """A glyph's outline: (operator, points) in parts of the em; m, l, c and h as PDF names them."""
    import uharfbuzz  # only where a report is made

    font = file.shaper
    em = font.face.upem
    path: list[tuple[str, tuple[float, ...]]] = []
    at = [0.0, 0.0]

    def add(operator: str, *points: float) -> None:
        path.append((operator, tuple(each / em for each in points)))
        at[:] = points[-2:] if points else at

    def quadratic(cx: float, cy: float, x: float, y: float, *_: object) -> None:
        x0, y0 = at
        add(
            "c",
            *(x0 + 2 * (cx - x0) / 3, y0 + 2 * (cy - y0) / 3),
            *(x + 2 * (cx - x) / 3, y + 2 * (cy - y) / 3),
            *(x, y),
        )

    draw = uharfbuzz.DrawFuncs()
    draw.set_move_to_func(lambda x, y, *_: add("m", x, y))
    draw.set_line_to_func(lambda x, y, *_: add("l", x, y))
    draw.set_quadratic_to_func(quadratic)
    draw.set_cubic_to_func(lambda a, b, c, d, x, y, *_: add("c", a, b, c, d, x, y))
    draw.set_close_path_func(lambda *_: add("h"))
    font.draw_glyph(glyph, draw)
    return path

"""Pages of A4 with text in any script, tables and pictures: what a report is drawn on.

Rules
- Every character is in an embedded TrueType font, or the report is refused.
- A piece that HarfBuzz shaped (Arabic, Devanagari) is drawn by its outlines, and the same words
  are drawn over it as text that is not painted: what people see is right, and what they search and
  copy is their letters and not glyph numbers.
- The same report gives the same bytes.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from echonode.objects.reports.font_files import FontFile, Fonts
from echonode.objects.reports.text_runs import (
    Piece,
    is_right_to_left,
    lines_of,
    outline_of,
    pieces_of,
    width_of,
)

WIDTH, HEIGHT = 595.28, 841.89  # points: A4, ISO 216
MARGIN = 48.0
INNER = WIDTH - 2 * MARGIN
_FOOT = 62.0  # nothing but the footer is drawn below
_LINE = 1.42  # of the size, from line to line
INK, SOFT, RULE = (0.09, 0.12, 0.16), (0.38, 0.43, 0.50), (0.80, 0.83, 0.87)
ACCENT = (0.05, 0.36, 0.52)
_MARK = (1.0, 0.86, 0.25)
_NOT_PAINTED, _PAINTED = 3, 0  # text rendering modes (ISO 32000-1, 9.3.6)
# reportlab keeps its fonts for the whole process.
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Footer:
    """What stands below each page. pages: how many there will be; 0 is not known yet."""

    lines: Sequence[str]
    page: str
    of: str
    pages: int


@dataclass(frozen=True)
class Cell:
    """Text in a box of a row; left and width in points. soft: the name of a value."""

    text: str
    left: float
    width: float
    soft: bool = False


@dataclass(frozen=True, kw_only=True)
class Box:
    """Where a picture goes: left from the margin, top from below; in points."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A line over a picture, in its pixels from the top left corner, and its number."""

    points: tuple[tuple[float, float], ...]
    label: str


class Sheets:
    """Pages that are filled from the top. y: where the next line goes, from below."""

    def __init__(self, fonts: Fonts, *, title: str, footer: Footer) -> None:
        from reportlab.pdfgen.canvas import Canvas  # only where a report is made

        self._fonts = fonts
        self._file = io.BytesIO()
        first = _registered(fonts.of("A")[0])  # else a page begins with one that is not embedded
        self._canvas: Any = Canvas(
            self._file, pagesize=(WIDTH, HEIGHT), invariant=1, initialFontName=first
        )
        self._canvas.setTitle(title)
        self._canvas.setCreator("EchoNode")
        self._canvas.setProducer("EchoNode")
        self._footer = footer
        self.y = HEIGHT - MARGIN
        self.pages = 1

    def finished(self) -> bytes:
        """The file."""
        self._draw_foot()
        self._canvas.save()
        return self._file.getvalue()

    def need(self, height: float) -> None:
        """A new page where less than that is left."""
        if self.y - height < _FOOT:
            self._draw_foot()
            self._canvas.showPage()
            self.pages += 1
            self.y = HEIGHT - MARGIN

    def paragraph(
        self,
        text: str,
        *,
        size: float = 10.0,
        left: float = 0.0,
        width: float = INNER,
        colour: tuple[float, float, float] = INK,
        after: float = 0.0,
    ) -> None:
        """Text in as many lines and pages as it takes."""
        for line in self.broken(text, size=size, width=width):
            self.need(size * _LINE)
            self.y -= size * _LINE
            self.line(line, left, self.y, size=size, width=width, colour=colour)
        self.y -= after

    def broken(self, text: str, *, size: float, width: float) -> list[str]:
        """Into lines of that width in points."""
        return lines_of(text, width / size, lambda part: width_of(part, self._fonts))

    def heading(self, text: str) -> None:
        """Of a section; never alone at the end of a page."""
        self.need(60)
        self.y -= 26
        self.line(text, 0, self.y, size=12, width=INNER, colour=ACCENT)
        self.y -= 5
        self.rule()
        self.y -= 3

    def rule(self) -> None:
        """A thin line across."""
        self._canvas.setStrokeColorRGB(*RULE)
        self._canvas.setLineWidth(0.7)
        self._canvas.line(MARGIN, self.y, WIDTH - MARGIN, self.y)

    def row(self, cells: Sequence[Cell], *, size: float) -> None:
        """Cells side by side; as high as the highest, and on as many pages as it takes."""
        broken = [self.broken(cell.text, size=size, width=cell.width) for cell in cells]
        for number in range(max((len(lines) for lines in broken), default=0)):
            self.need(size * _LINE)
            self.y -= size * _LINE
            for cell, lines in zip(cells, broken, strict=True):
                if number < len(lines):
                    colour = SOFT if cell.soft else INK
                    self.line(
                        lines[number],
                        cell.left,
                        self.y,
                        size=size,
                        width=cell.width,
                        colour=colour,
                    )

    def picture(self, jpeg: bytes, box: Box, marks: Sequence[Mark]) -> None:
        """A JPEG as it is, within a box, its shape kept; marks are drawn over it."""
        from reportlab.lib.utils import ImageReader  # only where a report is made

        image = ImageReader(io.BytesIO(jpeg))
        columns, rows = image.getSize()
        scale = min(box.width / columns, box.height / rows)
        width, height = columns * scale, rows * scale
        left = MARGIN + box.left + (box.width - width) / 2
        top = box.top - (box.height - height) / 2
        self._canvas.setFillColorRGB(0, 0, 0)
        self._canvas.rect(
            MARGIN + box.left, box.top - box.height, box.width, box.height, stroke=0, fill=1
        )
        self._canvas.drawImage(image, left, top - height, width, height)
        for mark in marks:
            placed = [(left + x * scale, top - y * scale) for x, y in mark.points]
            self._draw_mark(mark, placed)

    def _draw_mark(self, mark: Mark, placed: Sequence[tuple[float, float]]) -> None:
        path = self._canvas.beginPath()
        path.moveTo(*placed[0])
        for point in placed[1:]:
            path.lineTo(*point)
        # Dark below light: seen on white and on black.
        for width, colour in ((2.2, (0, 0, 0)), (1.0, _MARK)):
            self._canvas.setStrokeColorRGB(*colour)
            self._canvas.setLineWidth(width)
            self._canvas.drawPath(path, stroke=1, fill=0)
        x, y = max(placed)
        self.line(mark.label, x - MARGIN + 3, y - 3, size=8, width=40, colour=_MARK)

    def line(
        self,
        text: str,
        left: float,
        y: float,
        *,
        size: float,
        width: float,
        colour: tuple[float, float, float] = INK,
    ) -> None:
        """One line; text from right to left ends at the right."""
        pieces = pieces_of(text, self._fonts)
        x = MARGIN + left
        if is_right_to_left(text):
            x += max(0.0, width - sum(piece.width for piece in pieces) * size)
        for piece in pieces:
            self._draw(piece, x, y, size, colour)
            x += piece.width * size

    def _draw(
        self, piece: Piece, x: float, y: float, size: float, colour: tuple[float, float, float]
    ) -> None:
        name = _registered(piece.font)
        text = self._canvas.beginText(x, y)
        text.setFillColorRGB(*colour)
        text.setFont(name, size)
        if not piece.is_plain:
            self._draw_outlines(piece, x, y, size, colour)
            natural = self._canvas.stringWidth(piece.seen, name, size)
            if natural:
                text.setHorizScale(100 * piece.width * size / natural)
            text.setTextRenderMode(_NOT_PAINTED)
        text.textOut(piece.seen)
        if not piece.is_plain:
            text.setHorizScale(100)
            text.setTextRenderMode(_PAINTED)
        self._canvas.drawText(text)

    def _draw_outlines(
        self, piece: Piece, x: float, y: float, size: float, colour: tuple[float, float, float]
    ) -> None:
        path = self._canvas.beginPath()
        for glyph in piece.glyphs:
            left, base = x + glyph.x * size, y + glyph.y * size
            for operator, points in outline_of(piece.font, glyph.number):
                placed = [
                    (base if index % 2 else left) + each * size for index, each in enumerate(points)
                ]
                if operator == "m":
                    path.moveTo(*placed)
                elif operator == "l":
                    path.lineTo(*placed)
                elif operator == "c":
                    path.curveTo(*placed)
                else:
                    path.close()
            x += glyph.advance * size
        self._canvas.setFillColorRGB(*colour)
        self._canvas.drawPath(path, stroke=0, fill=1, fillMode=1)  # 1: non-zero winding

    def _draw_foot(self) -> None:
        footer = self._footer
        y = _FOOT - 18
        self._canvas.setStrokeColorRGB(*RULE)
        self._canvas.line(MARGIN, y + 10, WIDTH - MARGIN, y + 10)
        for line in footer.lines:
            self.line(line, 0, y - 2, size=7.5, width=INNER, colour=SOFT)
            y -= 10
        number = f"{footer.page} {self.pages} {footer.of} {footer.pages}"
        shown = width_of(number, self._fonts) * 7.5
        self.line(number, INNER - shown, _FOOT - 20, size=7.5, width=shown, colour=SOFT)


@cache
def _registered(file: FontFile) -> str:
    """The name under which reportlab knows a font."""
    from reportlab.pdfbase import pdfmetrics  # only where a report is made
    from reportlab.pdfbase.ttfonts import TTFont  # as above

    name = f"echonode-{_registered.cache_info().currsize}-{file.path.stem}"
    pdfmetrics.registerFont(TTFont(name, str(file.path), shapable=False))
    return name

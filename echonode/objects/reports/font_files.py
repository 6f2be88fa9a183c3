"""The TrueType fonts of this machine: which file has a character. Reads the font folders.

Rules
- Preferred fonts come first, so that a report looks alike wherever they are installed; after them
  any other TrueType file, by name. A font with PostScript outlines cannot be embedded and is not
  taken.
- A character that no font has is refused with its script and a remedy: a report never has boxes
  where its words were.
- Folders are read when the first report is made, and a file when a character is looked for in it.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from echonode.errors import OperatorRefused

SYSTEM_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/Library/Fonts"),
    Path("/System/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)
# Debian: fonts-noto-core, fonts-dejavu-core, fonts-droid-fallback. Then what other systems have.
_PREFERRED = (
    "NotoSans-Regular.ttf",
    "NotoNaskhArabic-Regular.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "DejaVuSans.ttf",
    "Arial.ttf",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
)
_MOST_FILES = 20_000  # of all folders: more is no font folder
_LARGEST_FILE = 64 * 1024 * 1024  # bytes


@dataclass(frozen=True, eq=False)
class FontFile:
    """One file. The same file is the same value."""

    path: Path

    @cached_property
    def characters(self) -> frozenset[int]:
        """Code points that it has; none where it cannot be read or embedded."""
        import uharfbuzz  # only where a report is made

        try:
            if self.path.stat().st_size > _LARGEST_FILE:
                return frozenset()
            data = self.path.read_bytes()
        except OSError:
            return frozenset()
        if data[:4] not in (b"\x00\x01\x00\x00", b"true"):  # OTTO has PostScript outlines
            return frozenset()
        try:
            return frozenset(uharfbuzz.Face(data).unicodes)
        except (RuntimeError, ValueError):
            return frozenset()

    @cached_property
    def shaper(self) -> Any:
        """HarfBuzz's font of it, with its data."""
        import uharfbuzz  # only where a report is made

        return uharfbuzz.Font(uharfbuzz.Face(self.path.read_bytes()))


class Fonts:
    """Thread-safe. folders: looked at before those of the system."""

    def __init__(
        self, folders: Sequence[Path] = (), *, system: Sequence[Path] = SYSTEM_FOLDERS
    ) -> None:
        self._folders = (*folders, *system)
        self._own = len(folders)
        self._lock = threading.Lock()
        self._files: list[FontFile] | None = None

    def of(self, text: str) -> list[FontFile]:
        """For each character its font; the one before it goes on where it can.

        Raises OperatorRefused where no font has a character.
        """
        with self._lock:
            return self._of(text)

    def require(self, texts: Iterable[str]) -> None:
        """That every character can be shown. Raises OperatorRefused."""
        for text in texts:
            self.of(text)

    def _of(self, text: str) -> list[FontFile]:
        found: list[FontFile] = []
        for character in text:
            here = found[-1] if found else None
            if here is None or ord(character) not in here.characters:
                here = self._with(character)
            found.append(here)
        return found

    def _with(self, character: str) -> FontFile:
        if self._files is None:
            self._files = self._all()
        for file in self._files:
            if ord(character) in file.characters:
                return file
        name = unicodedata.name(character, "")
        raise OperatorRefused(
            f"no font of this machine has U+{ord(character):04X} ({name or 'unnamed'}): install "
            "one for its script (Debian: fonts-noto-core; fonts-droid-fallback for Chinese, "
            "Japanese and Korean), or name its folder in report.fonts"
        )

    def _all(self) -> list[FontFile]:
        """Those of configured folders, then the preferred ones, then all others."""
        own: list[Path] = []
        rest: list[Path] = []
        for number, folder in enumerate(self._folders):
            paths = _fonts_below(folder)
            (own if number < self._own else rest).extend(paths)
        order = {name: position for position, name in enumerate(_PREFERRED)}
        rest.sort(key=lambda path: (order.get(path.name, len(order)), _plain(path), path.name))
        return [FontFile(path) for path in [*own, *rest][:_MOST_FILES]]


def _plain(path: Path) -> int:
    """A regular face comes before a bold or a slanted one."""
    return 0 if path.stem.endswith(("-Regular", "Regular")) else 1


def _fonts_below(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.rglob("*.[tT][tT][fF]"))
    except OSError:
        return []

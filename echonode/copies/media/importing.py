"""Files of a medium, one after the other, to what stores them: counted, none ends the others.

Rules
- A file without DICM after the preamble (PS3.10 7.1) is no DICOM file and is passed over.
- Whether an instance was here before is asked before it is given: the same bytes again are a
  duplicate, other bytes a conflict, of which the first stays and the second goes to quarantine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO

from echonode.copies.exporting import Progress, no_progress
from echonode.copies.media.reading import DAMAGED, FoundFile

PIECE = 512 * 1024
_PREAMBLE = 132


class Taken(StrEnum):
    """What became of a file."""

    STORED = "stored"
    DUPLICATE = "already here"
    CONFLICT = "in conflict with what is here, kept in quarantine"
    REFUSED = "refused"
    NOT_DICOM = "not DICOM"
    UNREADABLE = "not readable on the medium"


FAILED = frozenset({Taken.CONFLICT, Taken.REFUSED, Taken.UNREADABLE})


@dataclass(frozen=True, kw_only=True)
class TakenFile:
    """What became of one. why: of a failure. uid: its SOP Instance UID; '' where unknown."""

    taken: Taken
    why: str = ""
    uid: str = ""


# Stores one file, given in pieces. Raises what ends the whole import.
Take = Callable[[Iterator[bytes]], TakenFile]


@dataclass(kw_only=True)
class Imported:
    """counts: of each outcome. failures: name on the medium, and why; the first MOST_SAID. stored:
    SOP Instance UIDs, the first MOST_RECORDED.
    """

    stored: list[str] = field(default_factory=list)
    counts: Counter[Taken] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)

    MOST_SAID = 20
    MOST_RECORDED = 1000

    @property
    def failed(self) -> int:
        """How many did not come in and should have."""
        return sum(self.counts[each] for each in FAILED)


def import_files(
    files: Iterable[FoundFile], total: int, take: Take, on_progress: Progress = no_progress
) -> Imported:
    """Give each to `take`. Raises what it raises."""
    imported = Imported()
    for number, found in enumerate(files):
        on_progress(number, total)
        outcome = _taken(found, take)
        imported.counts[outcome.taken] += 1
        if outcome.taken is Taken.STORED and len(imported.stored) < imported.MOST_RECORDED:
            imported.stored.append(outcome.uid)
        if outcome.taken in FAILED and len(imported.failures) < imported.MOST_SAID:
            imported.failures.append((found.name, outcome.why or outcome.taken))
    on_progress(total, total)
    return imported


class _MediumFault(Exception):
    """The medium, not the store, failed."""


def _taken(found: FoundFile, take: Take) -> TakenFile:
    try:
        with _reading(found) as file:
            head = _read(file, _PREAMBLE)
            if head[_PREAMBLE - 4 :] != b"DICM":
                return TakenFile(taken=Taken.NOT_DICOM)
            return take(_pieces(head, file))
    except _MediumFault as fault:
        return TakenFile(taken=Taken.UNREADABLE, why=str(fault))


def _reading(found: FoundFile) -> IO[bytes]:
    try:
        return found.open()
    except (OSError, *DAMAGED) as error:
        raise _MediumFault(_words(error)) from error


def _read(file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size)
    except (OSError, *DAMAGED) as error:
        raise _MediumFault(_words(error)) from error


def _pieces(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield head
    while piece := _read(file, PIECE):
        yield piece


def _words(error: BaseException) -> str:
    system = error.strerror if isinstance(error, OSError) else ""
    return f"it cannot be read ({system or type(error).__name__})"

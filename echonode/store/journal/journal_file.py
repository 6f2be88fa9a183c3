"""The journal's file: lines are added to its end, and it is written again as a whole.

Rules
- What `add` returned for is on the disk. Where the disk breaks off within it, the file may end with
  a part of a line: the next begins on a line of its own.
- It is written again under another name, made durable, and takes the place of the old one: at every
  moment one of the two is whole.
- Only our user may read it: it has patients' names, as the database does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from echonode.store.files.disk import disk_errors, fsync_folder, remove, rename, synchronise
from echonode.store.journal.lines import FORM_HEADER, FORM_UP_TO, members_of

_PIECE = 64 * 1024
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
_DOING = "to keep the journal"


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What a file says at its two ends. identity: '' where it is not one of ours, or not there.

    up_to: the last change that is in it; base: its bytes when it was last written as a whole.
    """

    identity: str = ""
    version: int = 0
    base: int = 0
    up_to: int = 0


class JournalFile:
    """One open file; for one thread at a time."""

    def __init__(self, path: Path, *, new: bool = False) -> None:
        """new: begin it, instead of a file that may be there. Raises OutOfSpace."""
        self.path = path
        with disk_errors(_DOING):
            self._descriptor = os.open(path, _FLAGS | (os.O_TRUNC if new else os.O_APPEND), 0o600)
            self.size = os.fstat(self._descriptor).st_size
        self._torn = self.size > 0  # it may be: an empty line says nothing

    def add(self, lines: list[bytes], *, durable: bool = True) -> None:
        """Add them to its end. Raises OutOfSpace."""
        data = memoryview((b"\n" if self._torn else b"") + b"".join(lines))
        self._torn = True
        with disk_errors(_DOING):
            while data:
                written = os.write(self._descriptor, data)
                self.size, data = self.size + written, data[written:]
            if durable:
                synchronise(self._descriptor)
        self._torn = False

    def begin_with(self, header: bytes) -> None:
        """Put another first line of the same length in the place of the first. Raises OutOfSpace.

        Of a new file, before it is made durable.
        """
        with disk_errors(_DOING):
            os.pwrite(self._descriptor, header, 0)

    def take_place_of(self, path: Path) -> None:
        """Make it durable, then give it the name of another. Raises OutOfSpace."""
        with disk_errors(_DOING):
            synchronise(self._descriptor)
        rename(self.path, path)
        self.path = path
        fsync_folder(path.parent)

    def close(self, *, and_remove: bool = False) -> None:
        """May be called once."""
        os.close(self._descriptor)
        if and_remove:
            remove(self.path)


def ends_of(path: Path) -> Ends:
    """Of a file that may not be there. Raises OutOfSpace where the disk fails."""
    with disk_errors("to read the journal"):
        try:
            with path.open("rb") as file:
                first = members_of(file.readline(_PIECE))
                up_to = _last_up_to(file.fileno())
        except FileNotFoundError:
            return Ends()
    match first:
        case [form, str(identity), int(version), str(base)] if form == FORM_HEADER:
            return Ends(identity=identity, version=version, base=int(base), up_to=up_to)
    return Ends(up_to=up_to)


def complete_lines(path: Path) -> Iterator[list[object] | None]:
    """The lines up to the last that says "up to"; None for each whose checksum is wrong.

    Raises OSError.
    """
    with path.open("rb") as file:
        end = _end_of_steps(file.fileno())
        while file.tell() < end:
            raw = file.readline()
            if raw.strip():
                yield members_of(raw)


def _last_up_to(descriptor: int) -> int:
    end = _end_of_steps(descriptor)
    raw = os.pread(descriptor, min(_PIECE, end), max(0, end - _PIECE))
    members = members_of(raw.rstrip(b"\n").rpartition(b"\n")[2])
    match members:
        case [form, int(change)] if form == FORM_UP_TO:
            return change
    return 0


def _end_of_steps(descriptor: int) -> int:
    """The position behind the last line that says "up to"; 0 where there is none."""
    end, rest = os.fstat(descriptor).st_size, b""
    while end > 0:
        start = max(0, end - _PIECE)
        raw = os.pread(descriptor, end - start, start) + rest
        lines = raw.split(b"\n")
        position = start + len(raw) - len(lines[-1])
        for each in reversed(lines[1:-1] if start else lines[:-1]):
            members = members_of(each)
            if members and members[0] == FORM_UP_TO:
                return position
            position -= len(each) + 1
        end, rest = start, lines[0] if len(lines) > 1 else raw
        if len(lines) > 1:
            rest += b"\n"
    return 0

"""The journal's file: lines are added to its end, and it is written again as a whole.

Rules
- Lines come in steps, and a step is on the disk once `end_step` has returned. What a power cut left
  of one may be any part of it: its last line says how many bytes it has, and their checksum.
- A step that a kill cut off is cut from the file by the next that goes on with it.
- A file that the disk refused a write or an fsync is doubtful, and is not gone on with.
- It is written again under another name, made durable, and takes the place of the old one: at every
  moment one of the two is whole.
- Only our user may read it: it has patients' names, as the database does.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.store.files.disk import disk_errors, fsync_folder, rename, synchronise
from echonode.store.journal.lines import FORM_HEADER, FORM_UP_TO, line, members_of

_PIECE = 64 * 1024
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
_DOING = "to keep the journal"


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What a file says at its two ends. identity: '' where it is not one of ours, or not there.

    up_to: the last change that is in it; base: its bytes when it was last written as a whole. end:
    of its last step. is_whole: whether that step has all of its bytes.
    """

    identity: str = ""
    version: int = 0
    base: int = 0
    up_to: int = 0
    end: int = 0
    is_whole: bool = False


class JournalFile:
    """One open file; for one thread at a time."""

    def __init__(self, path: Path, *, end: int | None = None) -> None:
        """end: go on behind this byte; None begins a new one, in the place of what may be there.

        Raises OutOfSpace.
        """
        self.path = path
        self.is_doubtful = False
        self._step_bytes = self._step_checksum = 0
        with disk_errors(_DOING):
            self._descriptor = os.open(path, _FLAGS, 0o600)
            try:
                self.size = end or 0
                os.ftruncate(self._descriptor, self.size)
                os.lseek(self._descriptor, self.size, os.SEEK_SET)
                if end is not None:  # what a life that was killed wrote last may be in memory only
                    synchronise(self._descriptor)
            except BaseException:
                os.close(self._descriptor)
                raise

    def add(self, lines: list[bytes]) -> None:
        """Add them to its end; they are of the step under way. Raises OutOfSpace."""
        data = b"".join(lines)
        self._step_bytes += len(data)
        self._step_checksum = zlib.crc32(data, self._step_checksum)
        self._write(data)

    def end_step(self, change: int, *, durable: bool = True) -> None:
        """Everything up to this change is in the file, and on the disk. Raises OutOfSpace.

        durable: False for a step without a line, which the next one makes durable with itself.
        """
        ended = line(FORM_UP_TO, change, self._step_bytes, self._step_checksum)
        self._step_bytes = self._step_checksum = 0
        self._write(ended)
        if durable:
            self._synchronise()

    def end_base(self, change: int) -> None:
        """The same for a file that gets its name only once all of it is on the disk."""
        self._step_bytes = self._step_checksum = 0
        self.end_step(change, durable=False)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        with self._doubts():
            while view:
                written = os.write(self._descriptor, view)
                self.size, view = self.size + written, view[written:]

    def _synchronise(self) -> None:
        with self._doubts():
            synchronise(self._descriptor)

    @contextmanager
    def _doubts(self) -> Iterator[None]:
        """After an fsync that failed, what a later one says of the same file proves nothing."""
        try:
            with disk_errors(_DOING):
                yield
        except OutOfSpace:
            self.is_doubtful = True
            raise

    def begin_with(self, header: bytes) -> None:
        """Put another first line of the same length in the place of the first. Raises OutOfSpace.

        Of a new file, before it is made durable.
        """
        with disk_errors(_DOING):
            os.pwrite(self._descriptor, header, 0)

    def take_place_of(self, path: Path) -> None:
        """Make it durable, then give it the name of another. Raises OutOfSpace."""
        self._synchronise()
        rename(self.path, path)
        fsync_folder(path.parent)

    def close(self) -> None:
        """May be called once."""
        os.close(self._descriptor)


def ends_of(path: Path) -> Ends:
    """Of a file that may not be there. Raises OutOfSpace where the disk fails."""
    with disk_errors("to read the journal"):
        try:
            with path.open("rb") as file:
                first = members_of(file.readline(_PIECE))
                found = _last_step(file.fileno())
        except FileNotFoundError:
            return Ends()
    match first:
        case [form, str(identity), int(version), str(base)] if form == FORM_HEADER:
            return replace(found, identity=identity, version=version, base=int(base))
    return found


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


def _last_step(descriptor: int) -> Ends:
    """Of the header: nothing."""
    end = _end_of_steps(descriptor)
    raw = os.pread(descriptor, min(_PIECE, end), max(0, end - _PIECE))
    last = raw.rstrip(b"\n").rpartition(b"\n")[2]
    match members_of(last):
        case [form, int(change), int(length), int(checksum)] if form == FORM_UP_TO:
            start = end - len(last) - 1 - length
            is_whole = start >= 0 and _checksum(descriptor, start, length) == checksum
            return Ends(up_to=change, end=end, is_whole=is_whole)
    return Ends()


def _checksum(descriptor: int, start: int, length: int) -> int:
    found, end = 0, start + length
    while start < end and (piece := os.pread(descriptor, min(_PIECE, end - start), start)):
        found, start = zlib.crc32(piece, found), start + len(piece)
    return found


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

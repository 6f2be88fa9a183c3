"""Scan lines out of a stream of bytes that marks neither lines nor sweeps: `kit` and `lounger`.

Rules
- A line is its number and its samples, all of one width; numbers go up and down in turn, and that
  is how a line's beginning is known (zigzag.py).
- Lines are read for as long as their numbers are in step. Where they are not, every offset is tried
  until CHECKED_LINES are in step again; what was skipped is reported, never guessed.
- Any bytes at all give messages or ProtocolError, and bounded memory. After ProtocolError the
  decoder is spent: each further call raises it again.
- The last line before a search is suspect, unless what was passed over is whole lines in the place
  of the missing ones (their numbers were damaged), or nothing at all (the probe left lines out).
- What comes out does not depend on how the bytes were cut on their way.

What this wire cannot tell: a line has no checksum. Where bytes are lost whose count is exactly that
of whole lines, the line in which the loss begins ends with samples of a later line, and looks as if
the probe had left lines out. Samples changed in their place look like others. Lost lines are
counted modulo two sweeps: two sweeps lost exactly leave no trace. A sweep's last line is handed
over with its frame before anything behind it can put it in doubt.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.echopen.zigzag import CHECKED_LINES, Alignment, Walk, find_alignment
from echonode.probe.messages import (
    GeometryReceived,
    LineReceived,
    Message,
    Resynchronised,
    Samples,
)

# A stream that shows no line for four sweeps is not ours: restart rather than search without end.
MAX_SEARCHED_SWEEPS = 4


class LineReader:
    """Takes lines off the front of a buffer. `samples` is without the line number."""

    def __init__(self, *, lines: int, samples: int, wire_type: np.dtype[np.integer[Any]]) -> None:
        self._type = wire_type
        self._walk = Walk(lines)
        self._line_bytes = (samples + 1) * wire_type.itemsize
        self._last: int | None = None  # place of the last line on the walk; None: none yet
        self._searching = True
        self.skipped = 0  # bytes passed over in the search that is under way

    def read(self, buffer: bytearray, messages: list[Message], *, last_call: bool) -> None:
        """Move every line that is whole from `buffer` to `messages`.

        last_call: no more bytes will come. ProtocolError where no line is to be found.
        """
        while True:
            if not self._searching:
                self._read_lines(buffer, messages)
            if not self._searching or not self._search(buffer, messages, last_call):
                return

    def _read_lines(self, buffer: bytearray, messages: list[Message]) -> None:
        """Read whole lines for as long as their numbers are in step; else begin to search."""
        assert self._last is not None
        whole = len(buffer) // self._line_bytes * self._line_bytes
        if not whole:
            return
        kept = bytes(memoryview(buffer)[:whole])  # lines are views of it, and read-only
        records: Samples = np.frombuffer(kept, dtype=self._type)
        read = 0
        for record in records.reshape(-1, self._line_bytes // self._type.itemsize):
            place = self._walk.after(self._last)
            number = self._walk.numbers[place]
            if record[0] != number:
                self._searching = True
                break
            ascending = self._walk.ascending(place)
            messages.append(LineReceived(number=number, ascending=ascending, samples=record[1:]))
            self._last = place
            read += self._line_bytes
        del buffer[:read]

    def _search(self, buffer: bytearray, messages: list[Message], last_call: bool) -> bool:
        """Look for a line's beginning; True when it was found and lines can be read again."""
        alignment, refused = self._find(buffer, CHECKED_LINES)
        if alignment is None and last_call and not refused:
            alignment = self._believe_the_last_lines(buffer)
        self.skipped += refused
        del buffer[:refused]
        limit = MAX_SEARCHED_SWEEPS * self._walk.lines * self._line_bytes
        if self.skipped > limit:
            raise ProtocolError(f"no sequence of scan lines in {limit} bytes")
        if alignment is None:
            return False
        self._resume(alignment.place, messages)
        return True

    def _find(self, buffer: bytearray, check: int) -> tuple[Alignment | None, int]:
        with memoryview(buffer) as view:
            return find_alignment(
                view,
                walk=self._walk,
                line_bytes=self._line_bytes,
                number_bytes=self._type.itemsize,
                check=check,
            )

    def _believe_the_last_lines(self, buffer: bytearray) -> Alignment | None:
        """The stream ended before CHECKED_LINES were here: take fewer, but only in their place."""
        lines_here = len(buffer) // self._line_bytes
        alignment, _ = self._find(buffer, lines_here) if lines_here >= 2 else (None, 0)
        return alignment if alignment is not None and alignment.offset == 0 else None

    def _resume(self, place: int, messages: list[Message]) -> None:
        """Read on from `place`, and say what was passed over."""
        skipped, self.skipped = self.skipped, 0
        if self._last is not None:
            missing = self._walk.between(self._walk.after(self._last), place)
            messages.append(
                Resynchronised(
                    bytes_skipped=skipped,
                    lines_missing=missing,
                    last_line_suspect=skipped not in (0, missing * self._line_bytes),
                )
            )
        elif skipped:
            messages.append(
                Resynchronised(bytes_skipped=skipped, lines_missing=0, last_line_suspect=False)
            )
        self._last = (place - 1) % self._walk.length
        self._searching = False


class HeadedDecoder:
    """A header, then lines without end; the form is probe.messages.Decoder.

    A dialect gives `_begin`: take the header off the buffer once it is whole.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._reader: LineReader | None = None
        self._refused = 0  # bytes kept back when it failed
        self.failure: ProtocolError | None = None

    @property
    def unread(self) -> int:
        searched = 0 if self._reader is None else self._reader.skipped
        return self._refused + len(self._buffer) + searched

    def receive(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        ProtocolError where the stream cannot be ours; only once all that was good in it is out.
        """
        return self._take(data, last_call=False)

    def finish(self) -> list[Message]:
        """The lines that were waiting for others to bear them out when the connection ended."""
        return self._take(b"", last_call=True)

    def _begin(self, buffer: bytearray) -> tuple[GeometryReceived, LineReader] | None:
        """The header and the reader of what follows it; None: not whole yet."""
        raise NotImplementedError

    def _take(self, data: bytes, *, last_call: bool) -> list[Message]:
        messages: list[Message] = []
        if self.failure is None:
            self._buffer += data
            try:
                self._decode(messages, last_call)
            except ProtocolError as failure:
                self.failure = failure
                self._refused = len(self._buffer)
                self._buffer.clear()
        if self.failure is not None and not messages:
            raise self.failure
        return messages

    def _decode(self, messages: list[Message], last_call: bool) -> None:
        if self._reader is None:
            begun = self._begin(self._buffer)
            if begun is None:
                return
            geometry, self._reader = begun
            messages.append(geometry)
        self._reader.read(self._buffer, messages, last_call=last_call)

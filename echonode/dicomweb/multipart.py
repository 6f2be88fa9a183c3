"""multipart/related as DICOMweb uses it (RFC 2387, RFC 2046 5.1, PS3.18 8.6.1.2): made and read.

Rules
- What is read arrives in pieces of any size, cut anywhere, and no part is held whole: a part's head
  is returned once it is complete, its bytes as they come.
- The head of a part, what stands before the first boundary and the boundary itself are limited.
- A body that ends without its last boundary is cut off, and its last part was not received.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

# RFC 2046 5.1.1 allows 70; Orthanc 1.10 sends 73. It bounds what is searched for in every piece.
LONGEST_BOUNDARY: Final = 200
LONGEST_HEAD: Final = 8 * 1024  # bytes, with the blank line
LONGEST_PREAMBLE: Final = 64 * 1024


class BadMultipart(ValueError):
    """The body is no multipart; the text says why, and quotes nothing."""


@dataclass(frozen=True)
class PartHead:
    """A part begins. headers: by their name in small letters."""

    headers: Mapping[str, str]


@dataclass(frozen=True)
class PartData:
    """Bytes of the part that began last."""

    data: bytes


@dataclass(frozen=True)
class PartEnd:
    """The part that began last is complete."""


Event = PartHead | PartData | PartEnd


def part_head(boundary: str, headers: Mapping[str, str], *, first: bool) -> bytes:
    """What stands before a part's bytes."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{'' if first else chr(13) + chr(10)}--{boundary}\r\n{lines}\r\n".encode("latin-1")


def end(boundary: str, *, first: bool) -> bytes:
    """What stands behind the last part; first: where there was none."""
    return f"{'' if first else chr(13) + chr(10)}--{boundary}--\r\n".encode("latin-1")


class MultipartReader:
    """Reads one body: `feed` each piece, then `close`."""

    def __init__(self, boundary: str) -> None:
        """Raises BadMultipart for a boundary that is empty, too long or not ASCII."""
        if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii():
            raise BadMultipart(
                f"the boundary is missing or longer than {LONGEST_BOUNDARY} characters"
            )
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # The first boundary need not follow a line end: with one before it, all are alike.
        self._held = bytearray(b"\r\n")
        self._state = self._in_preamble
        self._passed = 0

    def feed(self, piece: bytes) -> Iterator[Event]:
        """What is complete with `piece`. Raises BadMultipart."""
        self._held += piece
        while True:
            events, goes_on = self._state()
            yield from events
            if not goes_on:
                return

    def close(self) -> None:
        """The body has ended. Raises BadMultipart where it ended too early."""
        if self._state != self._in_epilogue:
            raise BadMultipart("the body ends before its last boundary")

    # Each state takes what it can from `_held`: its events, and whether another look is worth it.

    def _in_preamble(self) -> tuple[list[Event], bool]:
        at = self._held.find(self._delimiter)
        if at < 0:
            kept = len(self._delimiter) - 1
            self._passed += max(0, len(self._held) - kept)
            del self._held[:-kept]
            if self._passed > LONGEST_PREAMBLE:
                raise BadMultipart("the boundary is not in the body")
            return [], False
        del self._held[: at + len(self._delimiter)]
        self._state = self._behind_boundary
        return [], True

    def _behind_boundary(self) -> tuple[list[Event], bool]:
        """The rest of its line: two hyphens at the very end, else blanks alone."""
        if self._held.startswith(b"--"):
            self._state = self._in_epilogue
            return [], True
        line = self._held.find(b"\r\n")
        if line < 0:
            if len(self._held) > LONGEST_HEAD:
                raise BadMultipart("a boundary's line does not end")
            return [], False
        if self._held[:line].strip(b" \t"):
            raise BadMultipart("other characters follow a boundary")
        del self._held[:line]  # the line end stays: a part without headers has one more
        self._state = self._in_head
        return [], True

    def _in_head(self) -> tuple[list[Event], bool]:
        at = self._held.find(b"\r\n\r\n")
        if at < 0 or at > LONGEST_HEAD:
            if len(self._held) > LONGEST_HEAD:
                raise BadMultipart("the headers of a part are too long")
            return [], False
        head = _headers(bytes(self._held[2:at]))
        # One line end stays, so that the boundary of an empty part is found.
        del self._held[: at + 2]
        self._state = self._in_body
        self._at_start = True
        return [head], True

    def _in_body(self) -> tuple[list[Event], bool]:
        at = self._held.find(self._delimiter)
        start = 2 if self._at_start else 0
        if at < 0:
            kept = len(self._delimiter) - 1
            ready = len(self._held) - kept
            if ready <= start:
                return [], False
            data = bytes(self._held[start:ready])
            del self._held[:ready]
            self._at_start = False
            return [PartData(data)], False
        events: list[Event] = [PartData(bytes(self._held[start:at]))] if at > start else []
        del self._held[: at + len(self._delimiter)]
        self._state = self._behind_boundary
        return [*events, PartEnd()], True

    def _in_epilogue(self) -> tuple[list[Event], bool]:
        self._held.clear()  # RFC 2046 5.1: to be ignored
        return [], False


def _headers(head: bytes) -> PartHead:
    found: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n") if head else []:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise BadMultipart("a header of a part has no name")
        found.setdefault(name.strip().lower(), value.strip())
    return PartHead(found)

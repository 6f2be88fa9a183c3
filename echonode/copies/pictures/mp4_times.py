"""The times of an MP4 file's frames, written into it (ISO/IEC 14496-12). Pure.

Rules
- The film was encoded without frames that are shown in another order, so that one table (stts) has
  all times; it, and the durations in the headers, are made new. The media stays where it is.
- The movie header must be behind the media: what is before it may not move, as it has offsets.
- Ticks are 1/90,000 s, as of every player.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

TICKS_PER_MS = 90.0
_TIMESCALE = 90_000
_CONTAINERS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"})
Box = tuple[bytes, bytes]


def with_frame_times(moov: bytes, lasting: Sequence[int]) -> bytes:
    """The `moov` box with these durations, in ticks. Raises ValueError for another form of film."""
    total = sum(lasting)
    if total >= 2**32:
        raise ValueError("the film is too long")
    changes: Mapping[bytes, Callable[[bytes], bytes]] = {
        b"mvhd": lambda body: _header(body, 12, total),
        b"tkhd": lambda body: _duration(body, 20, total),
        b"mdhd": lambda body: _header(body, 12, total),
        b"elst": lambda body: _edit(body, total),
        b"stts": lambda body: _times(body, lasting),
    }
    return _changed(moov, changes)


def boxes(data: bytes) -> Iterator[Box]:
    """Type and body of each box. Raises ValueError."""
    position = 0
    while position < len(data):
        if position + 8 > len(data):
            raise ValueError("a box is cut short")
        size, kind = struct.unpack_from(">I4s", data, position)
        if size < 8 or position + size > len(data):
            raise ValueError("a box has another size than its content")
        yield kind, data[position + 8 : position + size]
        position += size


def _changed(data: bytes, changes: Mapping[bytes, Callable[[bytes], bytes]]) -> bytes:
    made = bytearray()
    for kind, body in boxes(data):
        if kind == b"ctts":
            raise ValueError("its frames are shown in another order than they are stored in")
        if kind in _CONTAINERS:
            body = _changed(body, changes)
        elif kind in changes:
            body = changes[kind](body)
        made += struct.pack(">I4s", 8 + len(body), kind) + body
    return bytes(made)


def _header(body: bytes, at: int, total: int) -> bytes:
    """mvhd and mdhd: time scale, then duration."""
    _check_version(body)
    return body[:at] + struct.pack(">II", _TIMESCALE, total) + body[at + 8 :]


def _duration(body: bytes, at: int, total: int) -> bytes:
    _check_version(body)
    return body[:at] + struct.pack(">I", total) + body[at + 4 :]


def _edit(body: bytes, total: int) -> bytes:
    """One edit: the whole media, from its beginning, at its own pace."""
    _check_version(body)
    return body[:4] + struct.pack(">IIiHH", 1, total, 0, 1, 0)


def _times(body: bytes, lasting: Sequence[int]) -> bytes:
    frames = sum(count for count, _ in struct.iter_unpack(">II", body[8:]))
    if frames != len(lasting):
        raise ValueError(f"it has {frames} frames and not {len(lasting)}")
    runs = [(len(list(group)), each) for each, group in groupby(lasting)]
    return (
        body[:4] + struct.pack(">I", len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)
    )


def _check_version(body: bytes) -> None:
    if body[:1] != b"\0":
        raise ValueError("its header is of another version")

"""Bytes made wrong at random, by a draw that a seed fixes."""

from __future__ import annotations

import random
import struct

LIES_16 = (0, 1, 0x7FFF, 0xFFFF)
LIES_32 = (0, 1, 2**31, 2**32 - 2, 2**32 - 1)


def flip(draw: random.Random, data: bytes) -> bytes:
    """One to eight bits turned over."""
    mutable = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        mutable[draw.randrange(len(mutable))] ^= 1 << draw.randrange(8)
    return bytes(mutable)


def splice(draw: random.Random, data: bytes) -> bytes:
    """Something cut out, put in, or said twice."""
    start, end = sorted(draw.choices(range(len(data) + 1), k=2))
    middle = draw.choice([b"", data[start:end] * 2, draw.randbytes(draw.randint(1, 200))])
    return data[:start] + middle + data[end:]


def truncate(draw: random.Random, data: bytes) -> bytes:
    """Its end missing."""
    return data[: draw.randint(1, len(data))]


def lie(draw: random.Random, data: bytes) -> bytes:
    """Up to four places overwritten with what lengths are worst at."""
    mutable = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        wide = draw.random() < 0.5
        raw = (
            struct.pack("<I", draw.choice(LIES_32))
            if wide
            else struct.pack("<H", draw.choice(LIES_16))
        )
        at = draw.randrange(max(1, len(mutable) - 4))
        mutable[at : at + len(raw)] = raw
    return bytes(mutable)

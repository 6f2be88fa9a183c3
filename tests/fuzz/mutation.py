"""Good bytes made wrong at random, by a draw that a seed fixes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

Cut = Callable[[bytes], Sequence[bytes]]
"""The pieces of an input whose order and number are worth changing: PDUs, lines."""

_LENGTHS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
_LONGEST = 200_000  # bytes; insertions end there


def whole(data: bytes) -> Sequence[bytes]:
    """An input without pieces."""
    return (data,)


def mutated(draw: random.Random, seeds: Sequence[bytes], cut: Cut = whole) -> bytes:
    """One of the good inputs, changed in one to six places; sometimes as it is."""
    data = draw.choice(seeds)
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3, 6))):
        change = draw.choice(_CHANGES)
        data = change(draw, data, seeds, cut)[:_LONGEST]
    return data


def _flip(draw: random.Random, data: bytes, seeds: Sequence[bytes], cut: Cut) -> bytes:
    """One to eight bits."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8) if changed else 0):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _insert(draw: random.Random, data: bytes, seeds: Sequence[bytes], cut: Cut) -> bytes:
    """Random bytes, or some of its own once more."""
    at, size = draw.randrange(len(data) + 1), draw.choice((1, 2, 4, 8, 60, 1_000))
    new = draw.randbytes(size) if draw.random() < 0.5 else data[at : at + size]
    return data[:at] + new + data[at:]


def _delete(draw: random.Random, data: bytes, seeds: Sequence[bytes], cut: Cut) -> bytes:
    """A few bytes, or all from a place on."""
    at, size = draw.randrange(len(data) + 1), draw.choice((1, 2, 4, 8, 60, len(data)))
    return data[:at] + data[at + size :]


def _splice(draw: random.Random, data: bytes, seeds: Sequence[bytes], cut: Cut) -> bytes:
    """The beginning of this one and the end of another."""
    other = draw.choice(seeds)
    return data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other) + 1) :]


def _lie(draw: random.Random, data: bytes, seeds: Sequence[bytes], cut: Cut) -> bytes:
    """What lengths are worst at, in two or four bytes of either order."""
    if len(data) < 4:
        return data
    length, order = draw.choice(_LENGTHS), draw.choice("<>")
    raw = struct.pack(f"{order}I", length)
    if length <= 0xFFFF and draw.random() < 0.5:
        raw = struct.pack(f"{order}H", length)
    at = draw.randrange(len(data) - len(raw) + 1)
    return data[:at] + raw + data[at + len(raw) :]


def _number(draw: random.Random, data: bytes, seeds: Sequence[bytes], cut: Cut) -> bytes:
    """A decimal digit of a text becomes another, or a long number."""
    digits = [at for at, byte in enumerate(data[:4_000]) if 0x30 <= byte <= 0x39]
    if not digits:
        return data
    at = draw.choice(digits)
    new = draw.choice((b"0", b"9", b"-1", b"99999999999", b"1e999", b"nan", b"\xd9\xa3"))
    return data[:at] + new + data[at + 1 :]


def _reorder(draw: random.Random, data: bytes, seeds: Sequence[bytes], cut: Cut) -> bytes:
    """A piece left out, said twice, put elsewhere, or changed alone."""
    pieces = list(cut(data))
    if len(pieces) < 2:
        return _flip(draw, data, seeds, cut)
    at = draw.randrange(len(pieces))
    piece = pieces.pop(at)
    match draw.randrange(4):
        case 0:
            pass
        case 1:
            pieces[at:at] = [piece, piece]
        case 2:
            pieces.insert(draw.randrange(len(pieces) + 1), piece)
        case _:
            change = draw.choice((_flip, _lie, _delete, _insert))
            pieces.insert(at, change(draw, piece, seeds, cut))
    return b"".join(pieces)


_CHANGES = (_flip, _insert, _delete, _splice, _lie, _number, _reorder)

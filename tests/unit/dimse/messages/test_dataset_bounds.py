"""Identifiers and commitment messages are bounded before they are parsed."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from echonode.dimse.messages.dataset_bounds import COMMITMENT_HEADERS, IDENTIFIER_HEADERS
from echonode.dimse.messages.datasets import from_bytes, report_from_dataset
from echonode.errors import DimseFailure

IMPLICIT, EXPLICIT, BIG_ENDIAN = (f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2"))
UNDEFINED = 0xFFFFFFFF
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
LEVEL = struct.pack("<HHI", 0x0008, 0x0052, 6) + b"IMAGE "


def element(tag: int, value: bytes, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + value


def explicit(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length) + value


MANY = 500_000
BOMBS = {
    "items": (IMPLICIT, element(0x00081140, ITEM * MANY + END, UNDEFINED)),
    "items of given length": (IMPLICIT, element(0x00081140, ITEM * MANY)),
    "items of a private element": (IMPLICIT, element(0x00091010, ITEM * MANY)),
    "what a private element may be": (IMPLICIT, element(0x00091010, bytes(8 * MANY))),
    "items of a sequence within": (
        IMPLICIT,
        element(0x00081140, ITEM[:4] + struct.pack("<I", 8 * MANY + 8))
        + element(0x00081140, ITEM * MANY),
    ),
    "items, explicit": (EXPLICIT, explicit(0x00081140, b"SQ", ITEM * MANY)),
    "items of UN": (EXPLICIT, explicit(0x00081140, b"UN", ITEM * MANY)),
    "items, big endian": (
        BIG_ENDIAN,
        struct.pack(">HH2sHI", 8, 0x1140, b"SQ", 0, 8 * MANY)
        + struct.pack(">HHI", 0xFFFE, 0xE000, 0) * MANY,
    ),
    "elements": (IMPLICIT, element(0x00100010, b"") * MANY),
    "names": (IMPLICIT, element(0x00100010, b"\\" * 4_000_000)),
    "numbers": (IMPLICIT, element(0x00280009, b"\1\0\2\0" * MANY)),
}


# The longest that any message may be takes seconds: two kinds for every change, all in `make long`.
_OFTEN = ("items", "elements")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bomb", "most"),
    [
        *((bomb, IDENTIFIER_HEADERS) for bomb in BOMBS),
        *((bomb, COMMITMENT_HEADERS) for bomb in _OFTEN),
        *(
            pytest.param(bomb, COMMITMENT_HEADERS, marks=pytest.mark.long)
            for bomb in BOMBS
            if bomb not in _OFTEN
        ),
    ],
)
def test_a_bomb_of_four_megabytes_is_refused_before_it_is_parsed(bomb: str, most: int) -> None:
    """As long as an identifier may be, and full of objects to make: C000, and no memory."""
    syntax, data = BOMBS[bomb]
    tracemalloc.start()
    try:
        with pytest.raises(DimseFailure) as refused:
            from_bytes(data, syntax, most_headers=most)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 0xC000
    assert 0 < len(refused.value.comment) <= 64
    assert peak < 2 * 1024**2


@pytest.mark.slow
def test_a_long_list_of_uids_is_a_list() -> None:
    """A retrieval of 60,000 instances by their UIDs is long and honest."""
    uids = b"\\".join(b"1.2.840.1%019d" % n for n in range(60_000))
    found = from_bytes(LEVEL + element(0x00080018, uids + b"\0" * (len(uids) % 2)), IMPLICIT)
    assert len(found.SOPInstanceUID) == 60_000


@pytest.mark.slow
def test_the_longest_commitment_report_is_read() -> None:
    """27,000 failed instances, each with its reason."""
    uid = element(0x00081150, b"1.2.840.10008.5.1.4.1.1.3.1\0")
    reason = element(0x00081197, struct.pack("<H", 0x0112))
    delimiter = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    items = b"".join(
        ITEM[:4]
        + struct.pack("<I", UNDEFINED)
        + uid
        + element(0x00081155, b"1.2.840.113619.2.207.%026d" % (10**25 + n))
        + reason
        + delimiter
        for n in range(27_000)
    )
    data = element(0x00081195, b"1.2.3.4\0") + element(0x00081198, items + END, UNDEFINED)
    found = report_from_dataset(from_bytes(data, IMPLICIT, most_headers=COMMITMENT_HEADERS))
    assert len(found.failed) == 27_000

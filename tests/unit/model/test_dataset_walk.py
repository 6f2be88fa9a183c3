"""A dataset is walked by its headers: what is found, what is tolerated, what is refused."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from echonode.errors import Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import UNDEFINED, MemorySource
from echonode.model.walk_limits import STORED, WalkLimits

UID, LONG, SEQUENCE = 0x00080018, 0x00091010, 0x00400275
LIMITS = WalkLimits(elements=100, items=100, headers=1_000, nested=4)


def element(tag: int, vr: bytes, value: bytes = b"", *, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    if vr in (b"SQ", b"UN", b"OB", b"OW"):
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length) + value


def item(value: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value) if length is None else length) + value


ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
HEAD = element(UID, b"UI", b"1.2.3.4\0")
PIXELS = element(0x7FE00010, b"OB", b"\1" * 32)


def sequence(items: bytes, vr: bytes = b"SQ") -> bytes:
    return element(SEQUENCE, vr, items + SEQUENCE_END, length=UNDEFINED)


def walked(data: bytes, *, implicit: bool = False, limits: WalkLimits = LIMITS) -> dict[int, bytes]:
    """The UID as it is found, the whole dataset walked."""
    walk = DatasetWalk(MemorySource(data), implicit=implicit, limits=limits)
    found = walk.head({UID, LONG}, longest=100)
    walk.rest()
    return {tag: value.value for tag, value in found.items()}


@pytest.mark.parametrize(
    "before",
    [
        b"",
        element(0x00080008, b"CS", b"X" * 70),
        element(0x00080008, b"ZZ", b"X" * 70),  # a VR that does not exist
        element(0x00020003, b"SQ", item(b"\xff" * 40)),  # of given length: passed over whole
        sequence(item(b"anything")),
        sequence(item(element(SEQUENCE, b"SQ", item() + SEQUENCE_END, length=UNDEFINED))),
        sequence(item(struct.pack("<HHI", 8, 0x60, 2) + b"US" + ITEM_END, length=UNDEFINED), b"UN"),
        sequence(item(element(0x00080060, b"CS", b"US") + ITEM_END, length=UNDEFINED), b"UN"),
        sequence(item(struct.pack("<HHI", 8, 0x60, 2) + b"US" + ITEM_END, length=UNDEFINED)),
        element(0x00080008, b"CS", b"X") + ITEM_END + SEQUENCE_END,
        element(LONG, b"OB", b"\1" * 101),
    ],
    ids=[
        *("nothing", "a value", "unknown VR", "sequence of given length", "sequence", "nested"),
        *("UN in Implicit VR", "UN in Explicit VR", "Implicit VR in an item"),
        *("delimiters out of place", "long value"),
    ],
)
def test_what_stands_before_a_value_does_not_hide_it(before: bytes) -> None:
    """Whatever a device writes there, the value is found, and what is too long is left out."""
    assert walked(before + HEAD + PIXELS) == {UID: b"1.2.3.4\0"}


def test_headers_of_the_other_kind_are_seen() -> None:
    """Implicit VR under an explicit transfer syntax and the reverse: devices do both."""
    implicit = struct.pack("<HHI", 8, 0x18, 8) + b"1.2.3.4\0"
    assert walked(implicit) == walked(HEAD, implicit=True) == {UID: b"1.2.3.4\0"}


def test_big_endian_is_walked() -> None:
    """Tags and lengths the other way round."""
    data = struct.pack(">HH2sHHH2sH", 8, 0x16, b"UI", 0, 8, 0x18, b"UI", 4) + b"1.2\0"
    walk = DatasetWalk(MemorySource(data), implicit=False, big_endian=True)
    assert walk.head({UID}, longest=9)[UID].value == b"1.2\0"


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 7, b"\0" * 5_000])
@pytest.mark.parametrize("data", [HEAD, HEAD + PIXELS, HEAD + sequence(item())])
def test_nul_bytes_may_follow_the_last_element(data: bytes, padding: bytes) -> None:
    """However many a device pads with."""
    assert walked(data + padding)[UID] == b"1.2.3.4\0"


@pytest.mark.parametrize(
    "tail",
    [
        b"MZ",
        b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0",
        b"\0" * 1000 + b"MZ",
        b"\x7fELF\2\1\1" + bytes(9),
        element(0x00080060, b"CS", b"US"),
        PIXELS,
        SEQUENCE_END + b"PE\0\0",
        element(0xFFFCFFFC, b"OB", bytes(8)) + b"MZ\x90\0",
    ],
)
def test_other_bytes_behind_the_pixels_are_refused(tail: bytes) -> None:
    """A program behind Pixel Data, behind padding, or behind what may stand there."""
    with pytest.raises(Unreadable):
        walked(HEAD + PIXELS + tail)


def test_what_may_stand_behind_the_pixels_may() -> None:
    """Signatures and Data Set Trailing Padding (PS3.3 C.12.1.1.3, PS3.10 7.2)."""
    tail = element(0xFFFAFFFA, b"SQ", item()) + element(0xFFFCFFFC, b"OB", b"\1" * 8)
    assert walked(HEAD + PIXELS + tail)


@pytest.mark.parametrize(
    "pixels",
    [
        PIXELS[:-5],
        element(0x7FE00010, b"OB", item() + item(b"\1" * 8)[:-3], length=UNDEFINED),
        element(0x7FE00010, b"OB", item() + item(b"\1" * 8), length=UNDEFINED),
    ],
    ids=["native", "within a fragment", "without a delimiter"],
)
def test_pixels_that_are_cut_short_are_no_fault_here(pixels: bytes) -> None:
    """Kept as received; who decodes the frames refuses them."""
    assert walked(HEAD + pixels)


def test_a_dataset_that_ends_within_a_standard_value_is_kept() -> None:
    """Devices and files like that exist: what stands before the cut is found."""
    study = element(0x0020000D, b"UI", b"1.2.3.4\0")
    assert walked(HEAD + study[:-3]) == {UID: b"1.2.3.4\0"}
    assert walked(HEAD[:-3]) == {}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (HEAD * 101, "over 100 elements"),
        (sequence(item() * 101), "over 100 items"),
        (sequence(item() * 101, b"UN"), "over 100 items"),
        (sequence(item() * 90) * 12, "over 1,000 elements and items"),
        (element(0x7FE00010, b"OB", item() * 1_001, length=UNDEFINED), "over 1,000 elements"),
        (element(SEQUENCE, b"SQ", item(b"", length=UNDEFINED), length=UNDEFINED) * 5, "deeper"),
        (HEAD + element(LONG, b"OB", b"\1" * 8)[:-1], "ends within an element"),
        (HEAD + struct.pack("<HHI", 0x4B50, 0x0403, 20), "bytes that are no element"),
        (HEAD + element(SEQUENCE, b"SQ")[:9], "ends within a header"),
        (element(SEQUENCE, b"SQ", item(), length=UNDEFINED), "ends within a sequence"),
        (sequence(HEAD), "no item"),
    ],
)
def test_too_much_and_too_little_are_refused(data: bytes, why: str) -> None:
    """Each limit, and each way to break off, in words that a peer may be answered."""
    with pytest.raises(Unreadable, match=why):
        walked(data)


def test_fragments_are_not_items() -> None:
    """A whole slide has more frames than a sequence may have items."""
    data = element(0x7FE00010, b"OB", item() * 500 + SEQUENCE_END, length=UNDEFINED)
    assert walked(HEAD + data)


@pytest.mark.slow
def test_many_items_take_no_memory() -> None:
    """Nothing is built of what is only passed over."""
    limits = WalkLimits(elements=10, items=2_000_000, headers=2_000_000)
    data = HEAD + sequence(item() * 50_000)
    tracemalloc.start()
    try:
        assert walked(data, limits=limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1024**2


@pytest.mark.slow
def test_an_enhanced_object_of_ten_thousand_frames_is_walked() -> None:
    """The limits are far from what real objects have: 10,000 frames, 40 headers for each."""
    groups = sequence(item(HEAD * 8 + ITEM_END, length=UNDEFINED)) * 2
    frames = sequence(item(groups + ITEM_END, length=UNDEFINED) * 10_000)
    assert walked(frames + PIXELS, limits=STORED) == {}

"""A stored dataset's head: bounded, whatever was sent, and nothing may hide behind its end."""

from __future__ import annotations

import errno
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from echonode.errors import OutOfSpace, Unreadable
from echonode.store.files.file_meta import encode
from echonode.store.index import dataset_header as dataset_reader
from echonode.store.index.dataset_header import read_head, read_stored_head
from echonode.store.index.instance_record import record_of
from tests.unit.store.samples import EXPLICIT_LE, US_IMAGE, dataset, encoded

UNDEFINED = 0xFFFFFFFF
MEMORY = 2 * 1024**2  # bytes, of Python's objects; a walk holds a few pieces of a file
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def head() -> bytes:
    """A good dataset without its pixels."""
    whole = encoded(dataset(1))
    return whole[: whole.index(b"\xe0\x7f\x10\x00")]


def sequence(vr: bytes, items: int) -> bytes:
    header = struct.pack("<HH2sHI", 0x0041, 0x1010, vr, 0, UNDEFINED)
    return header + ITEM * items + SEQUENCE_END


def empty_elements(count: int) -> bytes:
    return b"".join(
        struct.pack("<HH2sH", 0x0041 + 2 * (n // 0xF000), 0x1000 + n % 0xF000, b"SH", 0)
        for n in range(count)
    )


def deflated(*pieces: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return b"".join(map(packer.compress, pieces)) + packer.flush()


def pixels(length: int) -> bytes:
    return struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, length)


def read(folder: Path, data: bytes, syntax: str = ExplicitVRLittleEndian) -> str:
    """The SOP Instance UID as the index would have it."""
    path = folder / "a.dcm"
    path.write_bytes(data)
    return record_of(read_head(path, 0, syntax), syntax).sop_instance_uid


BOMBS: list[tuple[str, Callable[[int], bytes], str]] = [
    ("items", lambda n: head() + sequence(b"SQ", n), ExplicitVRLittleEndian),
    ("items of UN", lambda n: head() + sequence(b"UN", n), ExplicitVRLittleEndian),
    ("deflated", lambda n: deflated(head() + sequence(b"SQ", n)), DeflatedExplicitVRLittleEndian),
    ("elements", lambda n: head() + empty_elements(n), ExplicitVRLittleEndian),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "count",
    [
        pytest.param(110_000, marks=pytest.mark.slow),
        pytest.param(1_300_000, marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize(("bomb", "syntax"), [b[1:] for b in BOMBS], ids=[b[0] for b in BOMBS])
def test_a_bomb_of_items_or_elements_is_refused_and_takes_no_memory(
    tmp_path: Path, bomb: Callable[[int], bytes], syntax: str, count: int
) -> None:
    """Millions of what an object has thousands of: refused with the limit in plain words."""
    data = bomb(count)
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="over 1"):
            read(tmp_path, data, syntax)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


@pytest.mark.full
@pytest.mark.timeout(0)
def test_a_million_fragments_are_refused(tmp_path: Path) -> None:
    """Fragments are counted with the headers: twelve million empty ones end after one."""
    data = head() + pixels(UNDEFINED) + ITEM * 12_000_000
    with pytest.raises(Unreadable, match="over 1,000,000"):
        read(tmp_path, data)


@pytest.mark.slow
def test_a_deflated_bomb_before_the_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands before the pixels is inflated up to a limit, a piece at a time."""
    monkeypatch.setattr(dataset_reader, "INFLATED_HEAD", 1024**2)
    private = struct.pack("<HH2sHI", 0x0041, 0x1010, b"UN", 0, 50_000_000)
    bomb = deflated(head(), private, bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="inflates to over"):
            read(tmp_path, bomb, DeflatedExplicitVRLittleEndian)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


@pytest.mark.slow
def test_deflated_pixels_may_be_long_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than what may stand before them; not longer than a whole dataset may be."""
    monkeypatch.setattr(dataset_reader, "INFLATED_HEAD", 1024**2)
    monkeypatch.setattr(dataset_reader, "MOST_INFLATED", 4 * 1024**2)
    good = deflated(head(), pixels(3_000_000), bytes(3_000_000))
    assert read(tmp_path, good, DeflatedExplicitVRLittleEndian) == "1.2.3.4.1"
    bomb = deflated(head(), pixels(9_000_000), bytes(9_000_000))
    with pytest.raises(Unreadable, match="inflates to over"):
        read(tmp_path, bomb, DeflatedExplicitVRLittleEndian)


@pytest.mark.parametrize("tail", [b"", b"\0", bytes(100), b"\1\2\3\4\5\6\7\x08", b"\1\2\3\4\0\0"])
def test_padding_and_a_compression_trailer_may_follow_a_deflated_stream(
    tmp_path: Path, tail: bytes
) -> None:
    """NUL bytes (PS3.5 A.5), and the eight bytes at most that gzip or zlib writers leave there."""
    data = deflated(encoded(dataset(1))) + tail
    assert read(tmp_path, data, DeflatedExplicitVRLittleEndian) == "1.2.3.4.1"


@pytest.mark.parametrize("tail", [b"12345678M", bytes(100) + b"MZ", bytes(100_000) + b"M"])
def test_other_bytes_behind_a_deflated_stream_are_refused(tmp_path: Path, tail: bytes) -> None:
    """No reader of the dataset would see them, but they might be a program."""
    data = deflated(encoded(dataset(1))) + tail
    with pytest.raises(Unreadable, match="follow the deflated data set"):
        read(tmp_path, data, DeflatedExplicitVRLittleEndian)


@pytest.mark.parametrize("tail", [b"MZ\x90\0", bytes(40_000) + b"MZ"])
def test_bytes_behind_the_last_element_are_refused(tmp_path: Path, tail: bytes) -> None:
    """Also those that begin far behind, where padding might seem to be all there is."""
    with pytest.raises(Unreadable, match="last element"):
        read(tmp_path, encoded(dataset(1)) + tail)
    assert read(tmp_path, encoded(dataset(1)) + bytes(40_000)) == "1.2.3.4.1"


def test_what_is_not_deflated_is_refused(tmp_path: Path) -> None:
    """A plain dataset under the deflated transfer syntax."""
    with pytest.raises(Unreadable, match="deflated"):
        read(tmp_path, b"\xff" * 1000, DeflatedExplicitVRLittleEndian)


@pytest.mark.slow
def test_values_across_the_pieces_of_a_file_are_whole(tmp_path: Path) -> None:
    """A file is read in pieces; wherever one ends, the index has the same."""
    for filling in (*range(32_500, 32_530), *range(32_740, 32_790), 60_000):
        private = struct.pack("<HH2sHI", 0x0007, 0x0010, b"UN", 0, filling) + bytes(filling)
        assert read(tmp_path, private + encoded(dataset(1))) == "1.2.3.4.1"


@pytest.mark.parametrize("error", [OSError(errno.EIO, "disk"), MemoryError()])
def test_an_error_of_our_own_is_not_the_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A disk that fails or memory that ends: to be tried again, not refused for good."""

    def failing(*_: object) -> bytes:
        raise error

    path = tmp_path / "a.dcm"
    path.write_bytes(encoded(dataset(1)))
    monkeypatch.setattr(os, "pread", failing)
    with pytest.raises(OutOfSpace):
        read_head(path, 0, ExplicitVRLittleEndian)


@pytest.mark.parametrize("length", [2**31, 2**32 - 2])
def test_a_damaged_length_in_the_meta_information_takes_no_memory(
    tmp_path: Path, length: int
) -> None:
    """A file of the store whose meta information claims gigabytes is damaged, at any free memory:
    it is not taken for a shortage of ours, which would stop the start."""
    meta = bytearray(
        encode(
            sop_class_uid=US_IMAGE, sop_instance_uid="1.2.3.4.1", transfer_syntax_uid=EXPLICIT_LE
        )
    )
    version = meta.index(b"OB\0\0") + 4
    meta[version : version + 4] = struct.pack("<I", length)
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(meta) + encoded(dataset(1)))
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            read_stored_head(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_meta_information_that_claims_to_be_endless_is_refused(tmp_path: Path) -> None:
    """Its own length is damaged: the file is refused by that alone."""
    meta = encode(
        sop_class_uid=US_IMAGE, sop_instance_uid="1.2.3.4.1", transfer_syntax_uid=EXPLICIT_LE
    )
    path = tmp_path / "a.dcm"
    path.write_bytes(meta[:140] + struct.pack("<I", 2**32 - 2) + meta[144:] + encoded(dataset(1)))
    with pytest.raises(Unreadable, match="as we write it"):
        read_stored_head(path)

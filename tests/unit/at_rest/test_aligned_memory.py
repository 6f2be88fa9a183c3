"""Memory that files are read into: where in its page a part of a file comes to lie."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from echonode.at_rest.aligned_memory import PAGE_BYTES, ReadingRoom, page_aligned


def _place(memory: memoryview) -> int:
    """Its address within a page."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory)) % PAGE_BYTES


@pytest.mark.parametrize("size", [1, 4096, 524_289])
def test_memory_begins_with_a_page(size: int) -> None:
    """Whatever was allocated before, and it has the size asked for."""
    memory = page_aligned(size)
    assert _place(memory) == 0
    assert len(memory) == size


@pytest.mark.parametrize("offset", [0, 1448, 4095, 4096, 1_049_576])
def test_a_part_lies_where_the_file_has_it(offset: int) -> None:
    """So that no read is taken for one of bytes that were just written."""
    room = ReadingRoom(1 << 20)
    part = room.part(offset, 1 << 20)
    assert _place(part) == offset % PAGE_BYTES
    assert len(part) == 1 << 20


def test_a_part_is_no_longer_than_the_room(tmp_path: Path) -> None:
    """What is longer is read in several parts; a shorter rest is read alone."""
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 40)
    room, got = ReadingRoom(4_000), b""
    with path.open("rb") as file:
        while wanted := room.part(len(got), 10_240 - len(got)):
            got += bytes(wanted[: os.preadv(file.fileno(), [wanted], len(got))])
    assert got == path.read_bytes()

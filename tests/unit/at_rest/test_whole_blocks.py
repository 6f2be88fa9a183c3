"""Bytes that are written to a file a block at a time."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from echonode.at_rest.whole_blocks import BLOCK_BYTES, WholeBlocks

START = 67_100  # no multiple of a page
BYTES = random.Random(7).randbytes(5 * BLOCK_BYTES)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def append(blocks: WholeBlocks, data: bytes) -> None:
    """As a writer does: into the room that it is given."""
    blocks.room(len(data))[:] = data
    blocks.take(len(data))


@pytest.mark.parametrize("seed", range(4))
def test_pieces_of_any_length_stand_one_behind_the_other(tmp_path: Path, seed: int) -> None:
    """Also where the rest was written in between; what was written of them is said."""
    draw, done = random.Random(seed), 0
    with opened(tmp_path / "f") as descriptor:
        blocks = WholeBlocks(descriptor, START)
        while done < len(BYTES):
            piece = BYTES[done : done + draw.randrange(1, 70_000)]
            append(blocks, piece)
            done += len(piece)
            if draw.random() < 0.2:
                blocks.write_rest()
                assert blocks.position == START + done
            else:
                assert START + done - BLOCK_BYTES < blocks.position <= START + done
        blocks.write_rest()
    assert (tmp_path / "f").read_bytes() == bytes(START) + BYTES


def test_writes_begin_and_end_with_a_block_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the first and the last, wherever the first byte belongs."""
    writes: list[tuple[int, int]] = []
    real = os.pwrite

    def noted(descriptor: int, data: memoryview, position: int) -> int:
        writes.append((position, len(data)))
        return real(descriptor, data, position)

    monkeypatch.setattr(os, "pwrite", noted)
    with opened(tmp_path / "f") as descriptor:
        blocks = WholeBlocks(descriptor, START)
        for start in range(0, len(BYTES), 65_564):
            append(blocks, BYTES[start : start + 65_564])
        blocks.write_rest()
    assert writes[0] == (START, BLOCK_BYTES - START)
    assert set(writes[1:-1]) == {(n * BLOCK_BYTES, BLOCK_BYTES) for n in range(1, 5)}


def test_bytes_behind_what_waits_are_written_once_and_replaced(tmp_path: Path) -> None:
    """The last chunk of a file that grows afterwards."""
    with opened(tmp_path / "f") as descriptor:
        blocks = WholeBlocks(descriptor, 0)
        append(blocks, b"stays")
        blocks.room(4)[:] = b"last"
        blocks.write_rest(4)
        assert (tmp_path / "f").read_bytes() == b"stayslast"
        blocks.go_to(5)
        append(blocks, b"replaces it")
        blocks.write_rest()
    assert (tmp_path / "f").read_bytes() == b"staysreplaces it"


def test_what_a_full_disk_refused_is_written_by_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and not twice: the file is what it would have been."""
    with opened(tmp_path / "f") as descriptor:
        blocks = WholeBlocks(descriptor, 0)
        append(blocks, b"stays")
        blocks.room(4)[:] = b"last"
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", refuse)
            with pytest.raises(OSError, match="full"):
                blocks.write_rest(4)
        blocks.room(4)[:] = b"last"
        blocks.write_rest(4)
    assert (tmp_path / "f").read_bytes() == b"stayslast"


def refuse(descriptor: int, data: memoryview, position: int) -> int:
    raise OSError(errno.ENOSPC, "the disk is full")

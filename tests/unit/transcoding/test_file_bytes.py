"""A file is read, never mapped: what fails under a reader is an error of one instance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.at_rest.reading import StoredFile, open_file
from echonode.model.element_header import CutShort
from echonode.transcoding.file_bytes import PIECE, FileBytes, pieces

CONTENT = random.Random(9).randbytes(3 * PIECE + 17)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StoredFile]:
    path = tmp_path / "f"
    path.write_bytes(CONTENT)
    with open_file(path, None) as opened:
        yield opened


def test_it_reads_as_the_same_bytes_in_memory_do(file: StoredFile) -> None:
    """Any slice of any slice, forwards and back."""
    whole, draw = FileBytes.of(file, 5), random.Random(1)
    expected = CONTENT[5:]
    assert len(whole) == len(expected)
    for _ in range(300):
        first, last = (draw.randrange(-10, len(expected) + 10) for _ in range(2))
        start, end = draw.randrange(100), draw.randrange(100_000)
        assert bytes(whole[first:last][start:end]) == expected[first:last][start:end]
    assert b"".join(pieces(whole)) == expected
    assert bytes(whole[len(whole) :]) == b""


def test_its_windows_are_a_source_of_a_walk(file: StoredFile) -> None:
    """At least what is asked for, less only at the end; beyond it is an error."""
    whole = FileBytes.of(file)
    window = whole.window(7, 200_000)
    assert len(window) >= 200_000
    assert CONTENT[7:].startswith(window)
    assert whole.window(len(CONTENT) - 3, 100) == CONTENT[-3:]
    with pytest.raises(CutShort):
        whole.window(len(CONTENT) + 1, 1)


@pytest.mark.parametrize("length", [4, 100_000])
def test_a_file_that_becomes_shorter_is_an_error_and_no_signal(tmp_path: Path, length: int) -> None:
    """Of a map it would be SIGBUS, and the end of the process."""
    path = tmp_path / "g"
    path.write_bytes(CONTENT)
    with open_file(path, None) as opened:
        whole = FileBytes.of(opened)
        with path.open("r+b") as other:
            other.truncate(10)
        with pytest.raises(OSError, match="shorter"):
            bytes(whole[1_000_000 : 1_000_000 + length])
        with pytest.raises(OSError, match="shorter"):
            bytes(whole[8 : 8 + length])


def test_a_file_that_is_shorter_than_its_offset_is_empty(tmp_path: Path) -> None:
    """Nothing of its dataset is left."""
    path = tmp_path / "h"
    path.write_bytes(b"DICM")
    with open_file(path, None) as opened:
        assert len(FileBytes.of(opened, 300)) == 0

"""Bodies of files: the same bytes, read here or named to the server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.file_format import MasterKey
from echonode.at_rest.writing import create_file
from echonode.dicomweb.streaming import PIECE, FileThreads, Part, multipart_size
from echonode.model.frame_index import Extent
from echonode.web.file_answers import FilePiece


def part(folder: Path, size: int, head: bytes) -> Part:
    """A file of that size, of which the first ten bytes are left out."""
    path = folder / str(size)
    path.write_bytes(bytes(range(256)) * (size // 256 + 1))
    return Part(
        path=path,
        extents=[Extent(10, size - 20), Extent(size - 5, 5)],
        content_type="application/dicom",
        head=head,
    )


def body(parts: list[Part], *, named: bool) -> tuple[bytes, int]:
    """Its bytes, and how many of them were named."""

    async def all_of_it() -> tuple[bytes, int]:
        found, count = bytearray(), 0
        async for piece in FileThreads().multipart("b", parts, named=named):
            if isinstance(piece, FilePiece):
                with open(piece.file.duplicate(), "rb") as file:  # noqa: PTH123  # a descriptor
                    found += os.pread(file.fileno(), piece.length, piece.offset)
                count += piece.length
            else:
                found += piece
        return bytes(found), count

    return asyncio.run(all_of_it())


@pytest.mark.slow
def test_it_makes_no_difference_who_reads(tmp_path: Path) -> None:
    """Of long files the bytes are named, of short ones not; the length is known before."""
    parts = [part(tmp_path, size, b"head") for size in (100, 3 * PIECE, 500, 40 * PIECE)]
    read, none = body(parts, named=False)
    named, count = body(parts, named=True)
    assert (named == read, len(read)) == (True, multipart_size("b", parts))
    assert (none, count) == (0, sum(each.size - len(b"head") for each in parts[1::2]))


def test_sealed_files_are_read_here(tmp_path: Path) -> None:
    """The server would send what is on the disk."""
    cipher, content = FileCipher(MasterKey(bytes(32))), bytes(range(256)) * 8192
    with create_file(tmp_path / "sealed", cipher) as file:
        file.write(content)
        file.flush()
    sealed = Part(
        path=tmp_path / "sealed",
        extents=[Extent(0, len(content))],
        content_type="application/dicom",
        cipher=cipher,
    )
    found, count = body([sealed], named=True)
    assert (content in found, count) == (True, 0)

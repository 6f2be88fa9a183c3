"""Sealed files: what was written is read, at any place; whatever else is there is found out."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from pathlib import Path
from typing import IO

import pytest

from echonode.at_rest import writing
from echonode.at_rest.file_cipher import Altered, FileCipher, KeyNotHeld
from echonode.at_rest.file_format import (
    CHUNK,
    CHUNK_EXTRA,
    HEAD_BYTES,
    SLOT_OFFSETS,
    MasterKey,
    content_size,
)
from echonode.at_rest.reading import SealedFile, buffered, open_file
from echonode.at_rest.writing import Scratch, create_file

CIPHER = FileCipher(MasterKey(bytes(range(32))))
CONTENT = random.Random(4).randbytes(3 * CHUNK + 1234)


def sealed(path: Path, content: bytes = CONTENT, cipher: FileCipher = CIPHER) -> Path:
    """A file with that content, written in pieces of odd lengths."""
    with create_file(path, cipher) as file:
        for start in range(0, len(content), 10_007):
            file.write(content[start : start + 10_007])
        file.flush()
    return path


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, len(CONTENT)])
def test_what_was_written_is_read(tmp_path: Path, length: int) -> None:
    """Whole, and its length without reading it; on the disk no piece of it stands in plain."""
    path = sealed(tmp_path / "f", CONTENT[:length])
    with open_file(path, CIPHER) as file:
        assert isinstance(file, SealedFile)
        assert (file.size, file.read()) == (length, CONTENT[:length])
    if length >= 32:
        assert CONTENT[:32] not in path.read_bytes()


def test_ranges_are_read_without_the_rest(tmp_path: Path) -> None:
    """Any range, in any order; of a damaged file those that lie in other chunks."""
    path, draw = sealed(tmp_path / "f"), random.Random(5)
    with open_file(path, CIPHER) as file:
        for _ in range(200):
            start, length = draw.randrange(len(CONTENT) + 50), draw.randrange(2 * CHUNK)
            assert file.pread(length, start) == CONTENT[start : start + length]
            room = bytearray(length)
            count = file.preadinto(memoryview(room), start)
            assert bytes(room[:count]) == CONTENT[start : start + length]
    change(path, HEAD_BYTES + CHUNK + CHUNK_EXTRA + 100)
    with open_file(path, CIPHER) as file:
        assert file.pread(CHUNK, 0) == CONTENT[:CHUNK]
        assert file.pread(999, 2 * CHUNK) == CONTENT[2 * CHUNK : 2 * CHUNK + 999]
        with pytest.raises(Altered):
            file.pread(10, CHUNK)


def test_it_is_a_file_for_parsers_and_hashes(tmp_path: Path) -> None:
    """Seek, tell, read in small pieces, hashlib's file_digest."""
    path = sealed(tmp_path / "f")
    with buffered(path, CIPHER) as file:
        assert file.read(3) == CONTENT[:3]
        assert file.seek(-10, os.SEEK_END) == len(CONTENT) - 10
        assert (file.read(), file.tell()) == (CONTENT[-10:], len(CONTENT))
    with open_file(path, CIPHER) as raw:
        raw.seek(77)
        digest = hashlib.file_digest(raw, "sha256").hexdigest()
    assert digest == hashlib.sha256(CONTENT[77:]).hexdigest()


def change(path: Path, place: int) -> None:
    """Another bit at a place."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [9, 13, 20, SLOT_OFFSETS[0] + 20, HEAD_BYTES + 3, -1])
def test_a_changed_bit_is_found_out(tmp_path: Path, place: int) -> None:
    """In the version, chunk size and id of the head, in the key slot, a nonce, a tag."""
    path = sealed(tmp_path / "f")
    change(path, place)
    with pytest.raises(Altered), open_file(path, CIPHER) as file:
        file.read()


def test_a_cut_file_is_found_out_wherever_it_is_cut(tmp_path: Path) -> None:
    """Within a chunk, and at the border of two, where each chunk is whole."""
    whole = sealed(tmp_path / "f").read_bytes()
    one = CHUNK + CHUNK_EXTRA
    for length in (HEAD_BYTES, HEAD_BYTES + one, HEAD_BYTES + 2 * one, HEAD_BYTES + one + 5):
        (tmp_path / "g").write_bytes(whole[:length])
        with pytest.raises(Altered), open_file(tmp_path / "g", CIPHER) as file:
            file.read()


def test_chunks_stay_in_their_place_and_their_file(tmp_path: Path) -> None:
    """Two chunks that change places, and one of another file under the same master key."""
    whole = bytearray(sealed(tmp_path / "f").read_bytes())
    other = sealed(tmp_path / "other").read_bytes()
    one = CHUNK + CHUNK_EXTRA
    first, second = HEAD_BYTES, HEAD_BYTES + one
    swapped = bytearray(whole)
    swapped[first:second], swapped[second : second + one] = (
        whole[second : second + one],
        whole[first:second],
    )
    mixed = bytearray(whole)
    mixed[first:second] = other[first:second]
    for content in (swapped, mixed):
        (tmp_path / "g").write_bytes(content)
        with pytest.raises(Altered), open_file(tmp_path / "g", CIPHER) as file:
            file.read()


def test_a_file_can_be_read_while_it_grows_and_cut(tmp_path: Path) -> None:
    """As a received one is: read after its last byte, cut, and made longer."""
    path = tmp_path / "f"
    with create_file(path, CIPHER) as file:
        for length in (10, CHUNK - 10, CHUNK, 7):
            file.write(CONTENT[file.tell() : file.tell() + length])
            with file.opened() as read:
                assert read.read() == CONTENT[: file.tell()]
        for length in (2 * CHUNK, CHUNK + 1, CHUNK, 5, 0):
            file.cut(length)
            with file.opened() as read:
                assert read.read() == CONTENT[:length]
        file.write(b"more")
        with file.opened() as read:
            assert read.read() == b"more"


def test_a_file_that_is_opened_by_its_writer_is_what_its_path_holds(tmp_path: Path) -> None:
    """The writer knows key and last chunk; every later reader gets the same from the disk."""
    path = tmp_path / "f"
    with create_file(path, CIPHER) as file:
        file.write(CONTENT)
        with file.opened() as ours, open_file(path, CIPHER) as theirs:
            assert ours.pread(99, 3 * CHUNK) == CONTENT[3 * CHUNK :][:99]
            assert ours.pread(CHUNK, CHUNK) == CONTENT[CHUNK:][:CHUNK]
            assert ours.size == theirs.size
            assert theirs.read() == CONTENT
        with file.opened() as ours:
            file.write(CONTENT)
            file.flush()
            assert ours.read() == CONTENT + CONTENT
        change(path, -1)
        with file.opened() as ours, open_file(path, CIPHER) as theirs:
            assert ours.size == 2 * len(CONTENT)
            with pytest.raises(Altered):
                theirs.read()


@pytest.mark.parametrize("cipher", [None, CIPHER], ids=["plain", "sealed"])
@pytest.mark.parametrize("length", [0, 10, CHUNK, CHUNK + 1, len(CONTENT)])
def test_what_was_written_so_far_is_read(
    tmp_path: Path, cipher: FileCipher | None, length: int
) -> None:
    """As a received instance is, before its seal is put in; the file is whole after `flush`."""
    path = tmp_path / "f"
    with create_file(path, cipher) as file:
        file.write(CONTENT[:length])
        with file.so_far() as read:
            assert read.size == length
            assert read.pread(CHUNK, CHUNK - 5) == CONTENT[:length][CHUNK - 5 : 2 * CHUNK - 5]
            assert read.read() == CONTENT[:length]
            assert Path(str(read.name)) == path
        file.write(b"more")
        with file.so_far() as read:
            assert read.read() == CONTENT[:length] + b"more"
        file.flush()
    with open_file(path, cipher) as read:
        assert read.read() == CONTENT[:length] + b"more"


def test_a_file_of_one_chunk_is_read_so_far_without_the_disk(tmp_path: Path) -> None:
    """Nothing is written for it; of a longer one what is only on the disk is held to its tag."""
    path = tmp_path / "f"
    with create_file(path, CIPHER) as file:
        file.write(CONTENT[:CHUNK])
        with file.so_far() as read:
            assert read.read() == CONTENT[:CHUNK]
        assert path.stat().st_size == 0
        file.write(CONTENT[CHUNK:])
        change(path, HEAD_BYTES + CHUNK + CHUNK_EXTRA + 100)
        with file.so_far() as read:
            assert read.pread(100, 0) == CONTENT[:100]
            with pytest.raises(Altered):
                read.pread(100, CHUNK)


@pytest.mark.parametrize("cipher", [None, CIPHER], ids=["plain", "sealed"])
def test_a_file_that_is_given_up_writes_nothing_more(
    tmp_path: Path, cipher: FileCipher | None
) -> None:
    """Its descriptor may be another file's by then: that one has its own bytes and no others."""
    file = create_file(tmp_path / "f", cipher)
    file.write(CONTENT)
    number = file.fileno()
    closed = os.close
    others: list[IO[bytes]] = []

    def close_and_open(descriptor: int) -> None:
        closed(descriptor)
        if descriptor == number and not others:
            others.append((tmp_path / "other").open("wb"))  # the lowest number that is free

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "close", close_and_open)
        file.close()
    [other] = others
    assert other.fileno() == number
    other.close()
    assert (tmp_path / "other").read_bytes() == b""
    file.close()


def test_what_a_writer_opened_is_not_what_it_was_once_it_grew(tmp_path: Path) -> None:
    """A last chunk that was known is another one then, however little of it is asked for."""
    path = tmp_path / "f"
    with create_file(path, CIPHER) as file:
        file.write(CONTENT[: CHUNK + 9])
        with file.opened() as ours:
            file.write(CONTENT[CHUNK + 9 : CHUNK + 99])
            file.flush()
            assert ours.pread(90, CHUNK + 9) == CONTENT[CHUNK + 9 : CHUNK + 99]


def test_the_beginning_of_a_file_that_was_cut_is_put_in(tmp_path: Path) -> None:
    """Also where what was cut was all but a part of the first chunk, and more came after it."""
    path = tmp_path / "f"
    with create_file(path, CIPHER) as file:
        file.write(CONTENT)
        file.cut(700)
        file.write(CONTENT[: 2 * CHUNK])
        file.put_in(b"later", 100)
        file.flush()
    whole = CONTENT[:700] + CONTENT[: 2 * CHUNK]
    with open_file(path, CIPHER) as opened:
        assert opened.read() == whole[:100] + b"later" + whole[105:]


@pytest.mark.parametrize("cipher", [None, CIPHER], ids=["plain", "sealed"])
def test_a_disk_is_told_to_begin_while_more_comes(
    tmp_path: Path, cipher: FileCipher | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part once, from the beginning on; a part that was cut away and came again, again."""
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(writing, "EARLY_BYTES", 2 * CHUNK)
    monkeypatch.setattr(
        os, "posix_fadvise", lambda file, offset, length, advice: told.append((offset, length))
    )
    with create_file(tmp_path / "f", cipher) as file:
        for start in range(0, len(CONTENT), 1_000):
            file.write(CONTENT[start : start + 1_000])
        ends = [offset + length for offset, length in told]
        assert [offset for offset, _ in told] == [0, *ends[:-1]]
        assert ends[-1] > len(CONTENT) - 2 * CHUNK
        file.cut(CHUNK)
        told.clear()
        file.write(CONTENT)
        assert told
        assert told[0][0] <= CHUNK + HEAD_BYTES + CHUNK_EXTRA


def test_a_disk_that_knows_no_advice_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a part is there is said by fsync alone."""

    def refuse(file: int, offset: int, length: int, advice: int) -> None:
        raise OSError(errno.ENOSYS, "not here")

    monkeypatch.setattr(writing, "EARLY_BYTES", CHUNK)
    monkeypatch.setattr(os, "posix_fadvise", refuse)
    with create_file(tmp_path / "f", None) as file:
        file.write(CONTENT)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_disk_that_takes_less_than_asked_gets_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nearly full one, or a signal: the file is the same."""
    pwrite = os.pwrite
    monkeypatch.setattr(
        os, "pwrite", lambda file, data, at: pwrite(file, bytes(data[: 1 + len(data) // 2]), at)
    )
    path = tmp_path / "f"
    with create_file(path, CIPHER) as file:
        file.write(CONTENT)
        file.flush()
    monkeypatch.undo()
    with open_file(path, CIPHER) as read:
        assert read.read() == CONTENT


def test_another_key_is_named_and_an_earlier_one_opens(tmp_path: Path) -> None:
    """The error names the id of the key that is wanted, and no key."""
    path = sealed(tmp_path / "f")
    newer = MasterKey(b"\1" * 32)
    with pytest.raises(KeyNotHeld, match=CIPHER.current.id) as refused:
        open_file(path, FileCipher(newer))
    assert CIPHER.current.secret.hex() not in str(refused.value)
    with open_file(path, FileCipher(newer, [CIPHER.current])) as file:
        assert file.read() == CONTENT


def test_a_plain_file_is_read_as_it_is(tmp_path: Path) -> None:
    """With keys and without: a store may have some from before."""
    (tmp_path / "f").write_bytes(CONTENT)
    for cipher in (None, CIPHER):
        with open_file(tmp_path / "f", cipher) as file:
            assert (file.size, file.pread(10, 5)) == (len(CONTENT), CONTENT[5:15])


def test_no_two_files_and_no_two_writings_are_alike(tmp_path: Path) -> None:
    """Another key for each file, and another nonce for each chunk, also of the same bytes."""
    one, two = (sealed(tmp_path / name, bytes(3 * CHUNK)).read_bytes() for name in "ab")
    chunks = [
        content[HEAD_BYTES + index * (CHUNK + CHUNK_EXTRA) :][: CHUNK + CHUNK_EXTRA]
        for content in (one, two)
        for index in range(3)
    ]
    assert len({chunk[:12] for chunk in chunks}) == len({chunk[12:] for chunk in chunks}) == 6
    assert one[SLOT_OFFSETS[0] :][:76] != two[SLOT_OFFSETS[0] :][:76]


def test_a_scratch_file_is_sealed_and_goes(tmp_path: Path) -> None:
    """With the block that used it."""
    with Scratch(tmp_path, CIPHER).file() as file:
        file.write(b"Name^Secret")
        with file.opened() as read:
            assert read.read() == b"Name^Secret"
        assert b"Secret" not in file.path.read_bytes()
    assert not list(tmp_path.iterdir())


def test_lengths_that_no_sealed_file_has() -> None:
    """The length of the content follows from that of the file."""
    assert content_size(HEAD_BYTES, CHUNK) is None
    assert content_size(HEAD_BYTES + CHUNK_EXTRA, CHUNK) == 0
    assert content_size(HEAD_BYTES + CHUNK_EXTRA + CHUNK, CHUNK) == CHUNK
    assert content_size(HEAD_BYTES + CHUNK_EXTRA + CHUNK + 5, CHUNK) is None
    assert content_size(HEAD_BYTES + 2 * CHUNK_EXTRA + CHUNK + 5, CHUNK) == CHUNK + 5


@pytest.mark.parametrize("cipher", [None, CIPHER], ids=["plain", "sealed"])
@pytest.mark.parametrize("length", [500, CHUNK, CHUNK + 1, len(CONTENT)])
def test_bytes_of_the_beginning_are_put_in_later(
    tmp_path: Path, cipher: FileCipher | None, length: int
) -> None:
    """Whatever was written behind them by then; nothing else changes."""
    path = tmp_path / "f"
    with create_file(path, cipher) as file:
        file.write(CONTENT[:length])
        file.put_in(b"later", 100)
        file.flush()
    with open_file(path, cipher) as opened:
        assert opened.read() == CONTENT[:100] + b"later" + CONTENT[105:length]

"""An ISO 9660 image, interchange level 1 (ECMA-119), as PS3.12 annexes F and R want it of discs.

Rules
- Names are up to 8.3 characters of A to Z, 0 to 9 and `_`, folders at most eight deep, a file below
  4 GiB: what every system reads without extensions.
- Files are written first, one after the other, and never held; then the folders; last the volume
  descriptor, at its place before them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO

from echonode.errors import OperatorRefused

SECTOR = 2048
_SYSTEM_AREA = 16  # sectors that are not ours (6.2.1)
_DESCRIPTORS = 2  # the primary volume descriptor and the terminator
_MOST_BYTES = 2**32 - 1  # of one file: a longer one needs several extents, which level 1 has not
_NAME = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?")
_FOLDER = re.compile(r"[A-Z0-9_]{1,8}")
_DEEPEST = 8  # 6.8.2.1, the root included
_IS_FOLDER = 2
_SELF, _PARENT = b"\x00", b"\x01"


@dataclass(eq=False)
class _File:
    sector: int
    size: int


@dataclass(eq=False)
class _Folder:
    """sector, size: where its records are; number: in the path table, from 1 on."""

    files: dict[str, _File] = field(default_factory=dict)
    folders: dict[str, _Folder] = field(default_factory=dict)
    sector: int = 0
    size: int = 0
    number: int = 0


def write_iso(
    target: IO[bytes],
    files: Iterable[tuple[str, Iterable[bytes]]],
    *,
    volume: str,
    now: datetime,
) -> None:
    """Write the image. files: path with `/`, and bytes. volume: up to 32 characters of A to Z, 0 to
    9 and `_`.

    Raises OperatorRefused for a file that is too long, ValueError for a name that is not of level
    1, OSError.
    """
    root = _Folder()
    target.write(bytes(SECTOR * (_SYSTEM_AREA + _DESCRIPTORS)))
    sector = _SYSTEM_AREA + _DESCRIPTORS
    for name, chunks in files:
        size = _write_file(target, chunks)
        _place(root, name, _File(sector=sector, size=size))
        sector += _sectors(size)
    sector = _place_folders(root, sector)
    for folder, parent in _by_level(root):
        target.write(_padded(_folder_records(folder, parent, now)))
    table_size = sum(len(record) for record in _path_table(root, "<"))
    tables = {}
    for order in ("<", ">"):
        tables[order] = sector
        target.write(_padded(b"".join(_path_table(root, order))))
        sector += _sectors(table_size)
    target.seek(SECTOR * _SYSTEM_AREA)
    target.write(_volume_descriptor(root, volume, sector, table_size, tables, now))
    target.write(b"\xffCD001\x01".ljust(SECTOR, b"\0"))


def _write_file(target: IO[bytes], chunks: Iterable[bytes]) -> int:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > _MOST_BYTES:
            raise OperatorRefused(
                "a file of 4 GiB or more cannot lie in an ISO image of level 1: make a folder or a "
                "ZIP file"
            )
        target.write(chunk)
    target.write(bytes(-size % SECTOR))
    return size


def _place(root: _Folder, name: str, file: _File) -> None:
    *folders, last = name.split("/")
    if len(folders) >= _DEEPEST or not _NAME.fullmatch(last):
        raise ValueError(f"{name} is not a name of level 1")
    for folder in folders:
        if not _FOLDER.fullmatch(folder):
            raise ValueError(f"{name} is not a name of level 1")
        root = root.folders.setdefault(folder, _Folder())
    root.files[last] = file


def _place_folders(root: _Folder, sector: int) -> int:
    """Give each its sectors and its number; the first sector after them."""
    for number, (folder, _) in enumerate(_by_level(root), 1):
        folder.number = number
        folder.sector = sector
        folder.size = SECTOR * _sectors(_length_of_records(folder))
        sector += folder.size // SECTOR
    return sector


def _by_level(root: _Folder) -> Iterator[tuple[_Folder, _Folder]]:
    """Each folder and its parent: by level, then by the parent, then by name (6.9.1)."""
    level = [(root, root)]
    while level:
        yield from level
        level = [
            (below, folder) for folder, _ in level for _, below in sorted(folder.folders.items())
        ]


def _path_table(root: _Folder, order: str) -> Iterator[bytes]:
    """Its records (9.4). order: `<` for the L table, `>` for the M table."""
    names = {
        below.number: name.encode()
        for folder, _ in _by_level(root)
        for name, below in folder.folders.items()
    }
    for folder, parent in _by_level(root):
        name = names.get(folder.number, _SELF)
        head = struct.pack(f"{order}BBIH", len(name), 0, folder.sector, parent.number)
        yield head + name + bytes(len(name) % 2)


def _entries(folder: _Folder) -> list[tuple[bytes, int, int, bool]]:
    """Identifier, sector, size, whether it is a folder; by name (9.3)."""
    found = [(name.encode(), at.sector, at.size, True) for name, at in folder.folders.items()]
    for name, file in folder.files.items():
        identifier = name if "." in name else f"{name}."
        found.append((f"{identifier};1".encode(), file.sector, file.size, False))
    return sorted(found)


def _length_of_records(folder: _Folder) -> int:
    length = 2 * 34
    for identifier, *_ in _entries(folder):
        length = _after(length, _record_length(identifier))
    return length


def _after(position: int, record: int) -> int:
    """Where the next record ends: none reaches into another sector (6.8.1.1)."""
    if position % SECTOR + record > SECTOR:
        position += SECTOR - position % SECTOR
    return position + record


def _record_length(identifier: bytes) -> int:
    return 33 + len(identifier) + (1 - len(identifier) % 2)


def _folder_records(folder: _Folder, parent: _Folder, now: datetime) -> bytes:
    whole = bytearray(_record(_SELF, folder.sector, folder.size, now, is_folder=True))
    whole += _record(_PARENT, parent.sector, parent.size, now, is_folder=True)
    for identifier, sector, size, is_folder in _entries(folder):
        record = _record(identifier, sector, size, now, is_folder=is_folder)
        whole += bytes(_after(len(whole), len(record)) - len(record) - len(whole))
        whole += record
    return bytes(whole)


def _record(identifier: bytes, sector: int, size: int, now: datetime, *, is_folder: bool) -> bytes:
    """A directory record (9.1)."""
    date = (now.year - 1900, now.month, now.day, now.hour, now.minute, now.second, 0)
    return b"".join(
        (
            struct.pack("BB", _record_length(identifier), 0),
            _both(sector),
            _both(size),
            bytes(date),
            struct.pack("BBB", _IS_FOLDER if is_folder else 0, 0, 0),
            _both_short(1),
            struct.pack("B", len(identifier)),
            identifier,
            bytes(1 - len(identifier) % 2),
        )
    )


def _volume_descriptor(
    root: _Folder,
    volume: str,
    sectors: int,
    table_size: int,
    tables: dict[str, int],
    now: datetime,
) -> bytes:
    """The primary one (8.4)."""
    blank = b" "
    date = f"{now:%Y%m%d%H%M%S}00".encode() + b"\0"
    no_date = b"0" * 16 + b"\0"
    fields = (
        b"\x01CD001\x01\0",
        blank * 32,
        volume.encode().ljust(32),
        bytes(8),
        _both(sectors),
        bytes(32),
        _both_short(1) * 2,
        _both_short(SECTOR),
        _both(table_size),
        struct.pack("<II", tables["<"], 0),
        struct.pack(">II", tables[">"], 0),
        _record(_SELF, root.sector, root.size, now, is_folder=True),
        blank * (4 * 128),  # volume set, publisher, preparer, application
        blank * (3 * 37),  # copyright, abstract and bibliographic files
        date * 2,
        no_date * 2,
        b"\x01\0",
    )
    return b"".join(fields).ljust(SECTOR, b"\0")


def _both(value: int) -> bytes:
    """Little endian, then big endian (7.3.3)."""
    return struct.pack("<I", value) + struct.pack(">I", value)


def _both_short(value: int) -> bytes:
    return struct.pack("<H", value) + struct.pack(">H", value)


def _sectors(size: int) -> int:
    return -(-size // SECTOR)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)

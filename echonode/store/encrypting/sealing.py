"""One plain file becomes a sealed one; one sealed file gets another master key."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.file_format import EMPTY_SLOT, HEAD_BYTES, SLOT_OFFSETS, Head
from echonode.at_rest.reading import PlainFile, is_sealed, open_file
from echonode.at_rest.writing import FileWriter, create_file
from echonode.errors import Damaged
from echonode.store.files.disk import disk_errors, fsync_folder, remove, rename, synchronise

_PIECE = 1024 * 1024


def seal_file(path: Path, part: Path, cipher: FileCipher) -> bool:
    """Put a sealed file in the place of a plain one; whether that was necessary.

    The bytes are durable, read back and compared before the file takes the name; the name is
    durable after an fsync of the folder. The times of the file stay. Raises OSError where the plain
    one cannot be read, OutOfSpace where the sealed one cannot be written, Damaged where the disk
    returns other bytes than it took.
    """
    if is_sealed(path):
        return False
    try:
        digest = hashlib.sha256()
        with PlainFile(path) as plain, _created(part, cipher) as sealed:
            status = os.fstat(plain.fileno())
            while piece := plain.read(_PIECE):
                digest.update(piece)
                with disk_errors("to seal a file"):
                    sealed.write(piece)
            with disk_errors("to seal a file"):
                sealed.flush()
                synchronise(sealed.fileno())
        with disk_errors("to seal a file"):
            os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
            with open_file(part, cipher) as again:
                found = hashlib.file_digest(again, "sha256")
        if found.digest() != digest.digest():
            raise Damaged(f"the disk of {part.parent} returns other bytes than it took")
        rename(part, path)
    except BaseException:
        remove(part)
        raise
    return True


def seal_key(path: Path, cipher: FileCipher) -> bool:
    """As `seal_file`, by a file next to it; durable on return, with its name."""
    if is_sealed(path):
        return False
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    changed = seal_file(path, part, cipher)
    fsync_folder(path.parent)
    return changed


def _created(part: Path, cipher: FileCipher) -> FileWriter:
    """Raises OutOfSpace."""
    with disk_errors("to seal a file"):
        return create_file(part, cipher)


def rewrap(path: Path, cipher: FileCipher) -> bool:
    """Give a sealed file the present master key, and no other; whether that was necessary.

    The new slot is durable before the old one is emptied; the emptying is durable after a `sync`.
    A plain file is left. Raises FileNotFoundError; OSError, of it KeyNotHeld and Altered.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        data = os.pread(descriptor, HEAD_BYTES, 0)
        try:
            head = Head.parsed(data)
        except ValueError:
            return False
        ours = [slot.startswith(cipher.current.key_id) for slot in head.slots]
        others = [i for i in (0, 1) if not ours[i] and head.slots[i] != EMPTY_SLOT]
        key = cipher.file_key(head)
        valid = [i for i in (0, 1) if ours[i] and cipher.opens(head, i)]
        if valid and not others:
            return False
        if not valid:
            # Of the two the one that does not open the file now.
            opening = next(i for i in (0, 1) if cipher.opens(head, i))
            os.pwrite(descriptor, cipher.current_slot(head, key), SLOT_OFFSETS[1 - opening])
            synchronise(descriptor)
            others = [opening]
        for index in others:
            os.pwrite(descriptor, EMPTY_SLOT, SLOT_OFFSETS[index])
        return True
    finally:
        os.close(descriptor)

"""Preamble and File Meta Information of the files we write (PS3.10 7.1).

Written here rather than by pydicom because every received instance starts with it and the rules
are few: always Explicit VR Little Endian, values of even length, a preamble of zeros (a preamble
from elsewhere can make the file a program as well, CVE-2019-11687).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

from echonode.model.file_head import has_empty_preamble
from echonode.model.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from echonode.model.instance import StoredInstance
from echonode.store.files.disk import synchronise
from echonode.store.files.seal import BLANK, has_seal

PREAMBLE = bytes(128) + b"DICM"
_GROUP_LENGTH = struct.Struct("<HH2sHI")  # (0002,0000) UL, length 4, value
HEAD_LENGTH = len(PREAMBLE) + _GROUP_LENGTH.size  # enough of a file for `dataset_offset`
_VERSION = struct.pack("<HH2sHI", 0x0002, 0x0001, b"OB", 0, 2) + b"\x00\x01"


def _text(element: int, vr: bytes, value: str, padding: bytes) -> bytes:
    """One element of group 0002, padded to even length (PS3.5 6.2)."""
    encoded = value.encode("ascii")
    encoded += padding * (len(encoded) % 2)
    return struct.pack("<HH2sH", 0x0002, element, vr, len(encoded)) + encoded


def encode(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    source_ae_title: str = "",
    with_seal: bool = False,
) -> bytes:
    """All bytes before the dataset. Values are checked by the caller; all are ASCII.

    with_seal: with room for a seal at its end (seal.py): of files that stay here, never of others.
    """
    head, tail = _constant_elements(sop_class_uid, transfer_syntax_uid, source_ae_title)
    elements = head + _text(0x0003, b"UI", sop_instance_uid, b"\x00") + tail
    if with_seal:
        elements += BLANK
    return PREAMBLE + _GROUP_LENGTH.pack(0x0002, 0x0000, b"UL", 4, len(elements)) + elements


def sent_meta(instance: StoredInstance) -> bytes:
    """All bytes before the dataset of a file that leaves the node: made again, without the seal."""
    return encode(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
    )


def without_seal(head: bytes) -> bytes:
    """The same meta information without its seal; head: all bytes before a dataset, as we write."""
    if not has_seal(head):
        return head
    elements = head[HEAD_LENGTH : -len(BLANK)]
    return PREAMBLE + _GROUP_LENGTH.pack(0x0002, 0x0000, b"UL", 4, len(elements)) + elements


@lru_cache(maxsize=256)
def _constant_elements(
    sop_class_uid: str, transfer_syntax_uid: str, source_ae_title: str
) -> tuple[bytes, bytes]:
    """The bytes before and after Media Storage SOP Instance UID; the same for a whole series."""
    head = _VERSION + _text(0x0002, b"UI", sop_class_uid, b"\x00")
    tail = (
        _text(0x0010, b"UI", transfer_syntax_uid, b"\x00")
        + _text(0x0012, b"UI", IMPLEMENTATION_CLASS_UID, b"\x00")
        + _text(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME, b" ")
    )
    if source_ae_title:
        tail += _text(0x0016, b"AE", source_ae_title, b" ")
    return head, tail


def zero_preamble(path: Path) -> bytes:
    """Make a Part 10 file's preamble zeros, durably; the preamble that it had, b"" where it is so.

    The dataset is not touched, and a stop in the middle leaves a file that is zeroed the next time.
    Raises OSError.
    """
    with path.open("r+b", buffering=0) as file:
        head = file.read(len(PREAMBLE))
        if head[128:] != b"DICM" or has_empty_preamble(head):
            return b""
        file.seek(0)
        file.write(bytes(128))
        synchronise(file.fileno())
    return head[:128]


def dataset_offset(head: bytes) -> int | None:
    """Where the dataset begins, from a file's first HEAD_LENGTH bytes; None if not of our form."""
    if len(head) < HEAD_LENGTH or not head.startswith(PREAMBLE):
        return None
    group, element, vr, length, value = _GROUP_LENGTH.unpack_from(head, len(PREAMBLE))
    if (group, element, vr, length) != (0x0002, 0x0000, b"UL", 4):
        return None
    return HEAD_LENGTH + int(value)

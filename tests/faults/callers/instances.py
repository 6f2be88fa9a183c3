"""Instances as bytes: datasets made by hand, element by element (PS3.5 7.1.2, Explicit VR)."""

from __future__ import annotations

import hashlib
import itertools
import struct
import uuid
from dataclasses import dataclass

from echonode.commands.lying_pacs.wire import EXPLICIT_LITTLE

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
DEFLATED = "1.2.840.10008.1.2.1.99"

# 20 digits at random for this run, then ten of a counter: every UID new, all of one length.
_RUN = f"2.25.1{uuid.uuid4().int % 10**20:020d}"
_numbers = itertools.count(1)
_LONG_FORM = (b"OB", b"OW", b"SQ", b"UN", b"UT")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What a C-STORE carries: `dataset` as it goes over the wire."""

    sop_instance_uid: str
    dataset: bytes
    sop_class_uid: str = ULTRASOUND
    transfer_syntax_uid: str = EXPLICIT_LITTLE

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.dataset).hexdigest()


def new_uid() -> str:
    """A UID that was never used before; 36 characters."""
    return f"{_RUN}{next(_numbers):010d}"


def element(
    group: int, number: int, vr: bytes, value: bytes, *, length: int | None = None
) -> bytes:
    """An element in Explicit VR Little Endian; `length` lies about the value's."""
    value += b"\0" * (len(value) % 2)
    claimed = len(value) if length is None else length
    tag = struct.pack("<HH", group, number) + vr
    if vr in _LONG_FORM:
        return tag + struct.pack("<2xI", claimed) + value
    return tag + struct.pack("<H", claimed & 0xFFFF) + value


def small_instance(
    *, pixels: int = 0, comments: int = 0, tail: bytes = b"", study: str = ""
) -> Instance:
    """An instance of some 250 bytes and as many of `pixels`; `tail` are elements behind them.

    comments: characters of Patient Comments (LT), each instance in a study of its own then.
    study: its Study Instance UID; one for all of this run where none is named.
    """
    uid = new_uid()
    study = study or (new_uid() if comments else f"{_RUN}.1")
    head = [
        element(0x0008, 0x0016, b"UI", ULTRASOUND.encode()),
        element(0x0008, 0x0018, b"UI", uid.encode()),
        element(0x0008, 0x0060, b"CS", b"US"),
        element(0x0010, 0x0020, b"LO", b"FAULTS"),
    ]
    if comments:
        head.append(element(0x0010, 0x4000, b"LT", b"x" * comments))
    head.append(element(0x0020, 0x000D, b"UI", study.encode()))
    head.append(element(0x0020, 0x000E, b"UI", f"{study}.1".encode()))
    speckle = (uid.encode() * (pixels // len(uid) + 1))[:pixels]
    image = element(0x7FE0, 0x0010, b"OB", speckle) if pixels else b""
    return Instance(sop_instance_uid=uid, dataset=b"".join(head) + image + tail)

"""The File Meta Information of a file that is being received (PS3.10 7.1). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from echonode.errors import Unreadable
from echonode.model.file_head import PREAMBLE_BYTES, has_empty_preamble
from echonode.model.identity import is_valid_uid

# Bytes before the data set. With a preamble and every element of PS3.10 it is under a kilobyte.
LONGEST_META: Final = 64 * 1024
_PREAMBLE_LENGTH = 132
_SOP_CLASS, _SOP_INSTANCE, _TRANSFER_SYNTAX = 0x0002, 0x0003, 0x0010
_HEADER_LENGTH = 12
_LONG_VRS = frozenset((b"OB", b"UN", b"OW", b"UT"))


@dataclass(frozen=True, kw_only=True)
class MetaHead:
    """What the file says that it is. length: of everything before the data set.

    preamble: its 128 bytes, which may be a program's (CVE-2019-11687); b"" where all are zero.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    length: int
    preamble: bytes = b""


def read_meta(begun: bytes | bytearray, *, is_whole: bool = False) -> MetaHead | None:
    """From the first bytes of a file; None where more of them are needed.

    is_whole: no more will come. Raises Unreadable for what is not a DICOM file.
    """
    if len(begun) >= _PREAMBLE_LENGTH and begun[_PREAMBLE_LENGTH - 4 : _PREAMBLE_LENGTH] != b"DICM":
        raise Unreadable("it is not a DICOM file: DICM does not follow the preamble (PS3.10 7.1)")
    found: dict[int, str] = {}
    position = _PREAMBLE_LENGTH
    while (element := _element_at(begun, position)) is not None:
        number, start, end = element
        if end > LONGEST_META:
            raise Unreadable("its File Meta Information is too long (PS3.10 7.1)")
        if end > len(begun):
            break
        found.setdefault(number, bytes(begun[start:end]).decode("latin_1").strip(" \0"))
        position = end
    # Twelve bytes show whether the next element is one of the data set.
    if element is not None or len(begun) < position + _HEADER_LENGTH:
        if not is_whole:
            return None
        if position != len(begun):
            raise Unreadable("it ends within its File Meta Information (PS3.10 7.1)")
    return MetaHead(
        sop_class_uid=_uid(found, _SOP_CLASS, "Media Storage SOP Class UID"),
        sop_instance_uid=_uid(found, _SOP_INSTANCE, "Media Storage SOP Instance UID"),
        transfer_syntax_uid=_uid(found, _TRANSFER_SYNTAX, "Transfer Syntax UID"),
        length=position,
        preamble=b"" if has_empty_preamble(begun) else bytes(begun[:PREAMBLE_BYTES]),
    )


def _element_at(begun: bytes | bytearray, position: int) -> tuple[int, int, int] | None:
    """Number, start and end of the element of group 0002 there; None where there is none yet."""
    if position + _HEADER_LENGTH > len(begun):
        return None
    group, element, vr, length = struct.unpack_from("<HH2sH", begun, position)
    if group != 0x0002:
        return None
    start = position + 8
    if vr in _LONG_VRS:
        start += 4
        (length,) = struct.unpack_from("<I", begun, position + 8)
    return element, start, start + length


def _uid(found: dict[int, str], element: int, name: str) -> str:
    uid = found.get(element, "")
    if not is_valid_uid(uid):
        raise Unreadable(f"{name} is missing or is not a UID (PS3.10 7.1)")
    return uid

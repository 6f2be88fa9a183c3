"""What the head of a Part 10 file says that its dataset is (PS3.10 7.1)."""

from __future__ import annotations

import struct

PREAMBLE_BYTES = 128
_FIRST_ELEMENT = 132 + 12  # behind the preamble, "DICM" and the group length
# Media Storage SOP Class UID, Media Storage SOP Instance UID, Transfer Syntax UID.
_NAMES = (0x0002, 0x0003, 0x0010)


def matches_file_meta(
    head: bytes, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
) -> bool:
    """Whether a file is of this class, instance and syntax; head: all bytes before its dataset.

    A row that has changed, or a file that lies in another's place, names another thing, though the
    dataset is whole. A preamble that is not of zeros, as we write it, is not this file either.
    """
    if not has_empty_preamble(head):
        return False
    found = _uids(head)
    wanted = (sop_class_uid, sop_instance_uid, transfer_syntax_uid)
    return tuple(found.get(element) for element in _NAMES) == wanted


def has_empty_preamble(head: bytes | bytearray) -> bool:
    """Whether the 128 bytes of a file's preamble are zero, so that it is no program as well."""
    return not any(head[:PREAMBLE_BYTES])


def _uids(head: bytes) -> dict[int, str]:
    """Element number -> UID, of group 0002; of a head that is damaged those up to the damage."""
    found, position = {}, _FIRST_ELEMENT
    while position + 8 <= len(head):
        group, element, vr = struct.unpack_from("<HH2s", head, position)
        # PS3.5 7.1.2: OB is the one VR of this group whose length has four bytes.
        start, layout = (position + 12, "<I") if vr == b"OB" else (position + 8, "<H")
        if group != 0x0002 or start > len(head):
            break
        (length,) = struct.unpack_from(layout, head, start - struct.calcsize(layout))
        if vr == b"UI":
            found[element] = head[start : start + length].rstrip(b"\0 ").decode("ascii", "replace")
        position = start + length
    return found

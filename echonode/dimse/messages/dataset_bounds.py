"""How much a dataset that is parsed in memory may hold.

Rules
- Every element and item becomes an object of about 400 bytes, every value of a text element one of
  about as much: bytes alone (limits.py) would allow gigabytes of them.
- A dataset that is too short to have too many is not counted; that is nearly every message.
- Anything that pydicom might parse as a sequence is walked, or counted as if it were all headers.
- Only lists of UIDs may be long; all other values together stay under OTHER_BYTES.
"""

from __future__ import annotations

from pydicom.datadict import dictionary_VR
from pydicom.uid import UID

from echonode.errors import Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import SHORT_HEADER, ElementHeader, MemorySource
from echonode.model.walk_limits import WalkLimits

# A query or retrieval names some tens of keys, of which few are sequences.
IDENTIFIER_HEADERS = 10_000
# A commitment report: an item, three elements and a delimiter for each of the 33,000 instances that
# an identifier's bytes have room for (limits.py).
COMMITMENT_HEADERS = 170_000
MOST_VALUES = 100_000  # a retrieval lists 60,000 UIDs in what an identifier may be long
# Of anything but UIDs, for each header that there may be: a Retrieve AE Title with every item.
OTHER_BYTES = 8
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


def check_bounds(data: bytes | bytearray, syntax: UID, most_headers: int) -> None:
    """Raises Unreadable for bytes that are no dataset or would become too many objects."""
    if len(data) // SHORT_HEADER <= most_headers:
        return
    if data.count(b"\\") > MOST_VALUES:
        raise Unreadable(f"the data set has over {MOST_VALUES:,} values")
    limits = WalkLimits(elements=most_headers, items=most_headers, headers=most_headers)
    look = _Look(most_headers)
    walk = DatasetWalk(
        MemorySource(data),
        implicit=syntax.is_implicit_VR,
        big_endian=not syntax.is_little_endian,
        limits=limits,
        is_sequence=look.is_sequence,
    )
    walk.head((), longest=0)
    walk.rest()


class _Look:
    """Selects the elements that are walked; those that cannot be walked are counted."""

    def __init__(self, most: int) -> None:
        self._headers_left = most
        self._bytes_left = most * OTHER_BYTES

    def is_sequence(self, header: ElementHeader, begins: bytes) -> bool:
        """Whether pydicom makes items of it. Raises Unreadable."""
        vr = _vr(header)
        if vr == "SQ" or begins in _ITEM_TAGS:
            return True
        if vr == "UN":  # pydicom knows some private sequences, and parses their content as items
            self._headers_left -= header.length // SHORT_HEADER
        if vr != "UI":
            self._bytes_left -= header.length
        if min(self._headers_left, self._bytes_left) < 0:
            raise Unreadable("the data set has too many bytes that are not of UIDs")
        return False


def _vr(header: ElementHeader) -> str:
    if header.vr not in (b"", b"UN"):
        return header.vr.decode("latin_1")
    try:
        return str(dictionary_VR(header.tag))
    except KeyError:
        return "UN"

"""A dataset as the PDUs that carry it to one peer, without a copy in memory (PS3.8 annex E).

Rules
- The bytes of the dataset are in one buffer, as they were read. A PDU is its header and a view of
  the buffer, and one write takes all of them.
- The positions never change, so views and headers are made once for an association. Only the last
  header of a dataset differs.
- No I/O: the caller fills `room` and writes `pieces`.
"""

from __future__ import annotations

from echonode.at_rest.aligned_memory import page_aligned
from echonode.dimse.upper_layer.pdu_stream import LAST, pdata_header

# Most stills are smaller: one read, one write. A cine needs several.
ROOM_BYTES = 524_288
_MOST_PDUS = 256  # in one write: two pieces each, and the kernel takes 1,024 (IOV_MAX)


class DatasetPdus:
    """A buffer for a part of a dataset, in fragments of `fragment` bytes to a PDU."""

    def __init__(self, fragment: int) -> None:
        count = min(max(ROOM_BYTES // fragment, 1), _MOST_PDUS)
        self._fragment = fragment
        # One byte more than is filled, for the padding of an odd dataset.
        self._view = page_aligned(count * fragment + 1)
        self.room = self._view[: count * fragment]
        self._fragments = [
            self._view[start : start + fragment] for start in range(0, len(self.room), fragment)
        ]
        self._whole: dict[int, list[bytes | memoryview]] = {}  # by context ID: header, fragment ...

    def pieces(self, context_id: int, filled: int, *, last: bool) -> list[bytes | memoryview]:
        """The PDUs of the first `filled` bytes of `room`: all of it, unless it is the `last` part.

        Valid until `room` is filled again.
        """
        count = -(-filled // self._fragment)
        pieces = self._of_context(context_id)[: 2 * count]
        if last:
            start = (count - 1) * self._fragment
            size = filled - start
            # Fragments are even (PS3.8 E.1), but a deflated or cut-off dataset may not be, and
            # DCMTK aborts at an odd one. A zero byte after it means nothing (PS3.5 A.5).
            even = size + size % 2
            self._view[filled] = 0
            pieces[-2:] = pdata_header(context_id, LAST, even), self._view[start : start + even]
        return pieces

    def _of_context(self, context_id: int) -> list[bytes | memoryview]:
        whole = self._whole.get(context_id)
        if whole is None:
            header = pdata_header(context_id, 0, self._fragment)
            whole = [piece for fragment in self._fragments for piece in (header, fragment)]
            self._whole[context_id] = whole
        return whole

"""PDUs and PDVs from and to a byte stream (PS3.8 9.3), without I/O.

Rules
- A length is checked against the limit before a byte of memory is taken for it.
- A PDU is parsed in the receive buffer; its views are valid until the next `space()`.
- At most READ_AHEAD bytes beyond the current PDU are read. So little is moved at the end of the
  buffer, and several small PDUs still arrive in one read.
- After PduError the PDU boundaries are lost: nothing more is taken from the stream.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

READ_AHEAD = 65_536
HEADER_BYTES = 6

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ = 0x01, 0x02, 0x03
P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = 0x04, 0x05, 0x06, 0x07

# The first bytes of TLS records, which no PDU begins with.
TLS_ALERT, TLS_HANDSHAKE, TLS_MAJOR = 0x15, 0x16, 0x03

# Message control header (PS3.8 E.2)
COMMAND = 0b01
LAST = 0b10

_HEADER = struct.Struct(">BxL")
_PDV = struct.Struct(">LBB")
_PDATA = struct.Struct(">BxLLBB")


class PduError(ValueError):
    """Bytes that are not a PDU we know, or one that is longer than the limit.

    remedy: what an operator does about it. Both it and the message are logged, so neither quotes
    received bytes.
    """

    remedy = (
        "The caller does not speak DICOM as in PS3.8: have it call another port, "
        "or have its vendor correct it."
    )


class RequestTooLong(PduError):
    """An A-ASSOCIATE-RQ that is longer than 128 presentation contexts need."""

    remedy = "Have the caller propose fewer presentation contexts or transfer syntaxes."


class RequestOverdue(PduError):
    """ARTIM expired before the request was there."""

    remedy = (
        "The caller sends nothing, or not enough: it does not speak DICOM, or the "
        "network loses its packets."
    )


class TLSInstead(PduError):
    """A TLS record (RFC 8446 5.1): the other side speaks TLS, and we do not here."""


class PduReader:
    """Cuts a byte stream into PDUs.

    The I/O side fills `space()`, calls `received(n)`, then calls `next_pdu()` until that returns
    None, which means that more bytes are needed.
    """

    def __init__(
        self, limit: int, *, request_limit: int | None = None, read_ahead: int = READ_AHEAD
    ) -> None:
        """limit: the longest PDU, without its header; request_limit: the longest A-ASSOCIATE-RQ."""
        self._limit = limit
        self._request_limit = limit if request_limit is None else request_limit
        self._read_ahead = read_ahead
        self._buffer = bytearray(read_ahead + HEADER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._need = HEADER_BYTES  # of the PDU under way; its whole length once that is known

    @property
    def mid_pdu(self) -> bool:
        """Whether bytes of a PDU that is not complete are held."""
        return self._end > self._start

    def space(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._start == self._end:
            self._start = self._end = 0
        if self._start + self._need > len(self._buffer):
            self._make_room()
        return self._view[self._end : self._start + self._need + self._read_ahead]

    def received(self, count: int) -> None:
        """`count` bytes of the last `space()` were filled."""
        self._end += count

    def next_pdu(self) -> memoryview | None:
        """The next whole PDU, header included, or None. Raises PduError."""
        held = self._end - self._start
        if self._need == HEADER_BYTES:
            if held < HEADER_BYTES:
                return None
            self._need = HEADER_BYTES + self._checked_length()
        if held < self._need:
            return None
        pdu = self._view[self._start : self._start + self._need]
        self._start += self._need
        self._need = HEADER_BYTES
        return pdu

    def _checked_length(self) -> int:
        kind, length = _HEADER.unpack_from(self._buffer, self._start)
        if kind in (TLS_ALERT, TLS_HANDSHAKE) and self._buffer[self._start + 1] == TLS_MAJOR:
            raise TLSInstead("a TLS record came in place of a PDU")
        if not ASSOCIATE_RQ <= kind <= ABORT:
            raise PduError(f"PDU type 0x{kind:02X} does not exist")
        if kind in (ASSOCIATE_RJ, RELEASE_RQ, RELEASE_RP, ABORT) and length != 4:
            raise PduError(f"a PDU of type 0x{kind:02X} is not {length} bytes long")
        if kind == ASSOCIATE_RQ and length > self._request_limit:
            raise RequestTooLong(
                f"an A-ASSOCIATE-RQ of {length} bytes is longer than the {self._request_limit} "
                "allowed"
            )
        if length > self._limit:
            raise PduError(f"a PDU of {length} bytes is longer than the {self._limit} allowed")
        return int(length)

    def head(self, size: int) -> bytes:
        """The first bytes of the current PDU, as far as received."""
        return bytes(self._view[self._start : min(self._end, self._start + size)])

    def _make_room(self) -> None:
        """Move what is held to the front; take a larger buffer the first time it is needed."""
        held = bytes(self._view[self._start : self._end])
        if self._need > len(self._buffer):
            self._buffer = bytearray(self._limit + HEADER_BYTES + self._read_ahead)
            self._view = memoryview(self._buffer)
        self._view[: len(held)] = held
        self._start, self._end = 0, len(held)


def pdvs(pdu: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """(context ID, message control header, fragment) of each PDV of a P-DATA-TF (PS3.8 9.3.5).

    Raises PduError where the lengths do not add up.
    """
    position, end = HEADER_BYTES, len(pdu)
    while position < end:
        if position + 6 > end:
            raise PduError("a PDV header is cut off")
        length, context_id, control = _PDV.unpack_from(pdu, position)
        stop = position + 4 + length
        if length < 2 or stop > end:
            raise PduError("a PDV is longer than its PDU")
        yield context_id, control, pdu[position + 6 : stop]
        position = stop


def fragment_bytes(maximum_length: int, limit: int) -> int:
    """How much of a message one PDV may carry to a peer that announced `maximum_length`.

    0 means "no limit" (PS3.8 D.1.1); ours applies then. Always even, as every fragment must be
    (PS3.8 9.3.5.1 and annex E).
    """
    largest = min(maximum_length or limit, limit)
    # The maximum length counts the PDU's variable field: 6 bytes of it are the PDV's header.
    return max(largest - 6, 2) & ~1


def pdata_header(context_id: int, control: int, size: int) -> bytes:
    """The 12 bytes of a P-DATA-TF PDU and its PDV before a fragment of `size` bytes."""
    return _PDATA.pack(P_DATA, size + 6, size + 2, context_id, control)


def message_pdus(context_id: int, command: bytes, dataset: bytes, fragment: int) -> bytes:
    """A whole message as consecutive P-DATA-TF PDUs, for one write.

    Command and dataset never share a PDU: allowed (PS3.8 annex E), but old peers read only the
    first PDV.
    """
    out = bytearray()
    for content, kind in ((command, COMMAND), (dataset, 0)):
        for start in range(0, len(content), fragment):
            piece = content[start : start + fragment]
            last = LAST if start + fragment >= len(content) else 0
            out += pdata_header(context_id, kind | last, len(piece))
            out += piece
    return bytes(out)

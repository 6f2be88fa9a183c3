"""MLLP, the block format that HL7 v2 messages travel in (HL7 Transport Specification, Release 1).

Rules
- A block is VT (0x0B), a message, FS (0x1C), CR (0x0D). A message holds neither VT nor FS.
- Bytes outside of blocks are skipped: the specification says so, and senders end blocks with LF or
  keep a line open with NULs. More than STRAY_BYTES of them in a row are another protocol.
- FS ends a message even where another byte than CR follows: what is complete is answered.
- VT within a message begins another one: the sender broke the first off and begins again.
- `receive(bytes)` gives the messages that are complete, and keeps the rest. No I/O.
"""

from __future__ import annotations

from echonode.errors import Hl7BlockFault

START = 0x0B
END = 0x1C
CARRIAGE_RETURN = 0x0D

# The longest message. An order or an admission takes one to ten kB; embedded documents do not
# belong in either, and what is longer would be memory that a stranger chose.
MESSAGE_BYTES = 1_048_576
# Outside of blocks, in a row: an HTTP request or a TLS greeting is recognised, an LF is not.
STRAY_BYTES = 4_096


def block(message: bytes) -> bytes:
    """`message` as it goes over the line."""
    return bytes([START]) + message + bytes([END, CARRIAGE_RETURN])


class MllpReader:
    """Cuts what comes over one connection into messages."""

    def __init__(
        self, *, message_bytes: int = MESSAGE_BYTES, stray_bytes: int = STRAY_BYTES
    ) -> None:
        self._most, self._most_stray = message_bytes, stray_bytes
        self._message: bytearray | None = None  # of the block that is open
        self._stray = 0
        self.broken_off = 0

    @property
    def is_within(self) -> bool:
        """Whether a block is open: the rest of it is due."""
        return self._message is not None

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes. Raises Hl7BlockFault: the connection is of no use.

        What was complete before the fault is lost with it; a sender that is not acknowledged sends
        again.
        """
        complete = []
        position = 0
        while position < len(data):
            if self._message is None:
                position = self._skip(data, position)
                continue
            end = data.find(END, position)
            stop = end if end >= 0 else len(data)
            again = data.rfind(START, position, stop)
            if again >= 0:
                self.broken_off += 1
                self._message, position = bytearray(), again + 1
            self._message += data[position:stop]
            if len(self._message) > self._most:
                raise Hl7BlockFault(
                    f"a message is longer than {self._most:,} bytes",
                    "Send orders and patients without embedded documents.",
                )
            position = stop
            if end >= 0:
                complete.append(bytes(self._message))
                self._message, position = None, end + 1
        return complete

    def _skip(self, data: bytes, position: int) -> int:
        """Where to go on after bytes outside of a block."""
        start = data.find(START, position)
        stop = start if start >= 0 else len(data)
        self._stray += stop - position
        if self._stray > self._most_stray:
            raise Hl7BlockFault(
                f"{self._most_stray:,} bytes came without the beginning of a message",
                "Let the sender speak MLLP: VT, message, FS, CR; with TLS only where `hl7.listen` "
                "has `tls`.",
            )
        if start < 0:
            return len(data)
        self._stray, self._message = 0, bytearray()
        return start + 1

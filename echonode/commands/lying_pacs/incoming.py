"""What comes in on an association, as it comes: PDVs, whole command sets, and datasets.

Rules
- The dataset of a C-STORE is hashed as it arrives; its bytes are kept only where a test wants them.
- Every length has a limit: a sender under test may be broken too.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from echonode.commands.lying_pacs.wire import WireError

# Of a PDU: 64 times what we say we receive. Of a command set, and of a query or a commitment
# request: of 100,000 instances it takes 12 MB.
MOST_PDU_BYTES = 16 * 1024 * 1024
_MOST_MESSAGE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """A PDV. control: its message control header (PS3.8 9.3.5.1, E.2)."""

    context_id: int
    control: int
    content: bytes

    @property
    def is_command(self) -> bool:
        return bool(self.control & 0x01)

    @property
    def is_last(self) -> bool:
        return bool(self.control & 0x02)


def fragments(body: bytes) -> Iterator[Fragment]:
    """Each PDV of a P-DATA-TF. Raises WireError where a length leads out of the PDU."""
    position = 0
    while position + 6 <= len(body):
        length, context_id, control = struct.unpack_from(">IBB", body, position)
        if length < 2 or position + 4 + length > len(body):
            raise WireError(f"a PDV of {length} bytes does not fit into its PDU")
        content = body[position + 6 : position + 4 + length]
        yield Fragment(context_id=context_id, control=control, content=content)
        position += 4 + length


class Incoming:
    """A command set or a dataset on its way. keeps: its bytes too, not only their hash."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._hash = hashlib.sha256()
        self._data = bytearray()
        self.size = 0

    def add(self, content: bytes, *, limited: bool = True) -> None:
        """The next fragment. Raises WireError beyond the limit."""
        self.size += len(content)
        if limited and self.size > _MOST_MESSAGE_BYTES:
            raise WireError(f"a message of more than {_MOST_MESSAGE_BYTES} bytes")
        self._hash.update(content)
        if self._keeps:
            self._data += content

    @property
    def data(self) -> bytes:
        """All of it; empty where it is not kept."""
        return bytes(self._data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

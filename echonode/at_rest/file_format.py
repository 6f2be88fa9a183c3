"""The form of a sealed file: bytes to bytes, without I/O.

    0      magic (8 bytes), version (1), 3 zeros, chunk size (4, big endian), file id (16, random)
    512    key slot: id of the master key (16), nonce (12), wrapped file key and tag (48)
    1024   the other key slot; one is enough, and the empty one is zeros
    1536   chunks: nonce (12), as many bytes as the chunk size, tag (16); the last may be shorter

Rules
- Every file has a random key of 256 bits of its own. A master key wraps it (AES-256-GCM), so that
  another master key changes 76 bytes of a file and none of its content.
- Two slots, 512 bytes apart: the new master key gets the empty one, durably, before the one of the
  old key is emptied. A stop at any moment leaves a slot that opens the file.
- A chunk is encrypted and authenticated by itself, so that a range of a file is read without the
  rest. Its additional data are the head of the file, its number, and whether it is the last: a
  chunk of another file or place, a file that was cut or made longer, or a head that was changed is
  found out when that chunk is read.
- Nonces are random (96 bits). A file key encrypts its own chunks alone, of which the last may be
  written again while the file grows: far below the 2^32 that random nonces allow (NIST SP 800-38D).
  A master key wraps as many files as that.
- The length is not kept: it follows from the length of the file. A file has one chunk at least; of
  an empty one it is empty.
- The id of a master key is a hash of it: it says which key is missing, and nothing about the key.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"\x89ECHO\r\n\x1a"  # no DICOM file begins so, and a transfer as text changes it
KEY_BYTES = 32
CHUNK = 64 * 1024  # bytes: a header is one chunk, a frame some
SLOT_OFFSETS = (512, 1024)
HEAD_BYTES = 1536
_VERSION = 1
_FIXED = struct.Struct(">8sB3xI16s")
_KEY_ID, _NONCE, _TAG = 16, 12, 16
SLOT_BYTES = _KEY_ID + _NONCE + KEY_BYTES + _TAG
EMPTY_SLOT = bytes(SLOT_BYTES)
CHUNK_EXTRA = _NONCE + _TAG
_LARGEST_CHUNK = 16 * 1024 * 1024
_PLACE = struct.Struct(">QB")


class NotThisForm(ValueError):
    """A head that is not of a sealed file of a version that is known here."""


@dataclass(frozen=True)
class MasterKey:
    """A key that wraps the keys of files."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    @cached_property
    def aead(self) -> AESGCM:
        """Wraps and unwraps with it; any thread may."""
        return AESGCM(self.secret)

    @cached_property
    def key_id(self) -> bytes:
        """Which key it is."""
        return hashlib.sha256(b"echonode master key id\0" + self.secret).digest()[:_KEY_ID]

    @property
    def id(self) -> str:
        """The same for people and the log."""
        return self.key_id.hex()


@dataclass(frozen=True)
class Head:
    """The first HEAD_BYTES of a sealed file. fixed: what never changes."""

    fixed: bytes
    chunk: int
    slots: tuple[bytes, bytes]

    @classmethod
    def parsed(cls, data: bytes) -> Head:
        """Raises NotThisForm."""
        if len(data) < HEAD_BYTES or not data.startswith(MAGIC):
            raise NotThisForm("no sealed file")
        _, version, chunk, _ = _FIXED.unpack_from(data)
        if version != _VERSION or not 0 < chunk <= _LARGEST_CHUNK:
            raise NotThisForm(f"a sealed file of version {version}, which is not known here")
        first, second = (data[start : start + SLOT_BYTES] for start in SLOT_OFFSETS)
        return cls(fixed=data[: _FIXED.size], chunk=chunk, slots=(first, second))

    @property
    def key_ids(self) -> list[str]:
        """Of the master keys that open it."""
        return [slot[:_KEY_ID].hex() for slot in self.slots if slot != EMPTY_SLOT]


def new_head(file_id: bytes, chunk: int, slot: bytes) -> bytes:
    """The first HEAD_BYTES of a new file, with one slot."""
    fixed = fixed_part(file_id, chunk)
    first, second = SLOT_OFFSETS
    return (
        fixed.ljust(first, b"\0") + slot.ljust(second - first, b"\0") + bytes(HEAD_BYTES - second)
    )


def fixed_part(file_id: bytes, chunk: int) -> bytes:
    """What never changes of a file's head."""
    return _FIXED.pack(MAGIC, _VERSION, chunk, file_id)


def wrapped(master: MasterKey, fixed: bytes, file_key: bytes, nonce: bytes) -> bytes:
    """A key slot."""
    key_id = master.key_id
    return key_id + nonce + master.aead.encrypt(nonce, file_key, fixed + key_id)


def unwrapped(master: MasterKey, fixed: bytes, slot: bytes) -> bytes | None:
    """The key of a file; None where the slot is not whole, or of another master key."""
    key_id, nonce = slot[:_KEY_ID], slot[_KEY_ID : _KEY_ID + _NONCE]
    if key_id != master.key_id:
        return None
    try:
        return master.aead.decrypt(nonce, slot[_KEY_ID + _NONCE :], fixed + key_id)
    except InvalidTag:
        return None


def place_of(fixed: bytes, index: int, *, last: bool) -> bytes:
    """The additional data of a chunk."""
    return fixed + _PLACE.pack(index, last)


def nonce_bytes(count: int) -> int:
    """How many random bytes so many nonces take."""
    return _NONCE * count


def seal_chunk(
    cipher: AESGCM,
    fixed: bytes,
    index: int,
    data: bytes | bytearray | memoryview,
    nonce: bytes,
    room: memoryview,
    *,
    last: bool,
) -> None:
    """Fill `room`, CHUNK_EXTRA bytes longer than the data, with a chunk as it is written."""
    room[:_NONCE] = nonce
    cipher.encrypt_into(nonce, data, place_of(fixed, index, last=last), room[_NONCE:])


def opened_chunk(
    cipher: AESGCM, fixed: bytes, index: int, chunk: bytes | memoryview, *, last: bool
) -> bytes:
    """Its content. Raises InvalidTag."""
    view = memoryview(chunk)
    return cipher.decrypt(view[:_NONCE], view[_NONCE:], place_of(fixed, index, last=last))


def offset_of(index: int, chunk: int) -> int:
    """Where a chunk begins in the file."""
    return HEAD_BYTES + index * (chunk + CHUNK_EXTRA)


def content_size(file_bytes: int, chunk: int) -> int | None:
    """The length of the content of a file; None for a length that no sealed file has."""
    body, whole = file_bytes - HEAD_BYTES, chunk + CHUNK_EXTRA
    if body < CHUNK_EXTRA:
        return None
    count = -(-body // whole)
    rest = body - (count - 1) * whole - CHUNK_EXTRA
    return None if rest < 0 else (count - 1) * chunk + rest


def chunk_count(size: int, chunk: int) -> int:
    """How many chunks content of that length has."""
    return max(1, -(-size // chunk))

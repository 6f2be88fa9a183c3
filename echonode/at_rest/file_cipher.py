"""The master keys of a store: the one that new files get, and earlier ones that still open files.

A file layer that has no FileCipher reads and writes plain files, byte for byte.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass

from echonode.at_rest.file_format import (
    CHUNK,
    KEY_BYTES,
    Head,
    MasterKey,
    fixed_part,
    new_head,
    nonce_bytes,
    unwrapped,
    wrapped,
)

_FILE_ID_BYTES = 16


class KeyNotHeld(OSError):
    """A file of a master key that is not configured. It says nothing about the file's bytes."""

    def __init__(self, key_ids: Sequence[str]) -> None:
        wanted = " or ".join(key_ids) or "none"
        super().__init__(
            errno.EACCES, f"it is sealed under the master key {wanted}, which is not configured"
        )


class Altered(OSError):
    """A sealed file whose bytes are not what was written; as with a bad sector, EIO."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.EIO, what)


@dataclass(frozen=True)
class NewFile:
    """What a new file begins with. head: its first bytes; fixed: of them what never changes."""

    head: bytes
    fixed: bytes
    chunk: int
    key: bytes


class FileCipher:
    """Seals new files under `current`; opens those of `current` and of `earlier`. Thread-safe."""

    def __init__(self, current: MasterKey, earlier: Sequence[MasterKey] = ()) -> None:
        self.current = current
        self._keys = {key.key_id: key for key in (*earlier, current)}

    @property
    def key_ids(self) -> list[str]:
        """Of all keys, the current one's first."""
        others = [key.id for key in self._keys.values() if key.key_id != self.current.key_id]
        return [self.current.id, *others]

    def new_file(self, chunk: int = CHUNK) -> NewFile:
        """A key of its own for a new file."""
        fixed_id, key = os.urandom(_FILE_ID_BYTES), os.urandom(KEY_BYTES)
        fixed = fixed_part(fixed_id, chunk)
        slot = wrapped(self.current, fixed, key, os.urandom(nonce_bytes(1)))
        return NewFile(head=new_head(fixed_id, chunk, slot), fixed=fixed, chunk=chunk, key=key)

    def file_key(self, head: Head) -> bytes:
        """The key of a file. Raises KeyNotHeld; Altered where a slot is of our key and broken."""
        ours = False
        for slot in head.slots:
            master = self._keys.get(slot[:_FILE_ID_BYTES])
            if master is None:
                continue
            ours = True
            if (key := unwrapped(master, head.fixed, slot)) is not None:
                return key
        if ours:
            raise Altered("the key of a sealed file is not what was written")
        raise KeyNotHeld(head.key_ids)

    def opens(self, head: Head, index: int) -> bool:
        """Whether a slot, the first or the second, opens the file with one of our keys."""
        slot = head.slots[index]
        master = self._keys.get(slot[:_FILE_ID_BYTES])
        return master is not None and unwrapped(master, head.fixed, slot) is not None

    def current_slot(self, head: Head, key: bytes) -> bytes:
        """A slot for a file's key under the current master key."""
        return wrapped(self.current, head.fixed, key, os.urandom(nonce_bytes(1)))

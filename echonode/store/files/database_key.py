"""The key of a store's databases: 32 random bytes in a file of their own, sealed as every other.

Rules
- `database.key` says that a store is encrypted: it is durable before the first database is made, or
  the first file of a store that exists is sealed (store/encrypting/), and a node without a master
  key does not start where it is. A plain index next to it is an encryption that is not finished.
- It has its own master key slots, so a rotation changes it and no database.
- A key that is not there, or does not open, is never made again: the error names the master key
  that is missing, and what is left to do. An encrypted index is never taken for a damaged one.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from echonode.at_rest.file_cipher import Altered, FileCipher, KeyNotHeld
from echonode.at_rest.file_format import KEY_BYTES
from echonode.at_rest.reading import open_file
from echonode.at_rest.writing import create_file
from echonode.errors import ConfigError, ConfigFault, UsageError
from echonode.store.files.disk import disk_errors, fsync_folder, make_folder, rename, synchronise
from echonode.store.files.layout import Layout

_KEY = "encryption.key"
PLAIN_DATABASE = b"SQLite format 3\0"  # how a file of SQLite begins that is not encrypted


def with_keys(layout: Layout, cipher: FileCipher | None, *, make: bool = False) -> Layout:
    """The layout of a store with what opens it, after a look at what is there.

    make: a new store gets its key. Raises ConfigError where the keys that are configured are not
    those of the store, UsageError where it is not encrypted yet, or not to its end; OutOfSpace.
    """
    if cipher is None:
        with disk_errors("to look for the database's key"):
            if layout.database_key.exists():
                raise _refused(
                    f"the store in {layout.data_dir} is encrypted, and no key is configured",
                    "Give the master key that it was encrypted with.",
                )
        return layout
    sealed = replace(layout, cipher=cipher)
    with disk_errors("to look for the database's key"):
        index = _beginning(layout.database)
        there = layout.database_key.exists()
    if index == PLAIN_DATABASE:
        raise UsageError(
            f"the store in {layout.data_dir} is not encrypted"
            f"{' to its end' if there else ''}: stop the node, and run `echonode encrypt`"
        )
    if not there:
        if index:
            raise _refused(
                f"{layout.database_key} is gone, and the index cannot be read without it",
                "Put it back from a backup. Without one move index.sqlite* and audit/audit.sqlite* "
                "away: the node makes the index again from the files.",
            )
        if not make:
            return sealed
        make_key(sealed)
    return replace(sealed, database_secret=read_key(sealed))


def make_key(layout: Layout) -> None:
    """Durable on return. Raises OutOfSpace."""
    make_folder(layout.incoming)
    part = layout.new_incoming_file()
    with disk_errors("the database's key"), create_file(part, layout.cipher) as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        synchronise(file.fileno())
    rename(part, layout.database_key)
    fsync_folder(layout.data_dir)


def read_key(layout: Layout, copy: Path | None = None) -> bytes:
    """copy: another file than the store's own. Raises ConfigError where it does not open."""
    path = copy or layout.database_key
    try:
        with open_file(path, layout.cipher) as file:
            secret = file.pread(KEY_BYTES + 1, 0)
            if len(secret) != KEY_BYTES:
                raise Altered("it has another length than a key")
    except KeyNotHeld as error:
        ours = ", ".join(layout.cipher.key_ids) if layout.cipher else "none"
        raise _refused(
            f"the store in {layout.data_dir} does not open: {error.strerror}; configured: {ours}",
            "Give that key in `encryption.key`, or in `encryption.earlier_keys` after a change of "
            "keys. Where it is lost, nothing of this store can be read any more: "
            "docs/encryption.md says how to begin again.",
        ) from None
    except Altered as error:
        raise _refused(
            f"{path} is damaged ({error.strerror})",
            "Put it back from a backup.",
        ) from None
    except OSError as error:
        raise _refused(
            f"{path} cannot be read ({error.strerror})",
            "Let this user read it.",
        ) from None
    return secret


def _beginning(path: Path) -> bytes:
    """The first bytes of a database; b"" where there is none, or none yet."""
    try:
        with path.open("rb") as file:
            return file.read(len(PLAIN_DATABASE))
    except FileNotFoundError:
        return b""


def _refused(problem: str, remedy: str) -> ConfigError:
    return ConfigError([ConfigFault(path=_KEY, problem=problem, remedy=remedy)])

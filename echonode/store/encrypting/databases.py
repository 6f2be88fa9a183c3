"""A database in plain becomes an encrypted one (SQLCipher's sqlcipher_export).

Rules
- The copy is written next to it, durable and checked before it takes the name. Until then the plain
  one is whole; a stop leaves a copy under `.part`, which the next run makes again.
- What the log of the plain one held is in it before the copy begins, and the log is removed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from echonode.errors import Damaged, OutOfSpace
from echonode.store.database.sqlite_engine import HMAC, connect_to, driver, driver_errors
from echonode.store.files.database_key import PLAIN_DATABASE
from echonode.store.files.disk import (
    disk_errors,
    fsync_folder,
    make_private,
    remove,
    rename,
    synchronise,
)

_INCREMENTAL = 2  # of auto_vacuum, as a new database of ours has it


def is_plain(path: Path) -> bool:
    """Whether there is a database that is not encrypted. Raises OutOfSpace."""
    with disk_errors(f"to read {path.name}"):
        try:
            with path.open("rb") as file:
                return file.read(len(PLAIN_DATABASE)) == PLAIN_DATABASE
        except FileNotFoundError:
            return False


def encrypt_database(path: Path, secret: bytes) -> bool:
    """Whether it was necessary; durable on return. Raises OutOfSpace, Damaged."""
    if not is_plain(path):
        _remove_log(path, "-journal")
        return False
    part = path.with_name(f"{path.name}.part")
    for ending in ("", "-journal", "-wal"):
        remove(part.with_name(part.name + ending))
    with _errors(path):
        _settle(path)
        make_private(part)
        export_database(path, None, part, secret)
        _check(part, secret)
    with disk_errors(f"to keep {path.name}"):
        descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            synchronise(descriptor)
        finally:
            os.close(descriptor)
    rename(part, path)
    fsync_folder(path.parent)
    for ending in ("-wal", "-shm", "-journal"):
        _remove_log(path, ending)
    return True


def _settle(path: Path) -> None:
    """Write the log into the database, and leave none."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        [busy, *_] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        [mode] = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    if busy or mode != "delete":
        raise OutOfSpace(f"another program reads {path}: end it first")


def export_database(
    path: Path, secret: bytes | None, target: Path, target_secret: bytes | None
) -> None:
    """Copy all of a database into an empty one; None: of a plain one. Not durable yet.

    Raises OutOfSpace; of the databases themselves, what `driver_errors` names.
    """
    # SQLCipher's library in any case: without a key it reads and writes plain databases.
    with closing(driver(secret or target_secret).connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(HMAC)
        if secret is not None:
            connection.execute(f"PRAGMA key = {_in_quotes(secret)}")
        key = "''" if target_secret is None else _in_quotes(target_secret)
        connection.execute(f"ATTACH DATABASE ? AS copy KEY {key}", (str(target),))
        connection.execute(f"PRAGMA copy.auto_vacuum = {_INCREMENTAL}")
        connection.execute("SELECT sqlcipher_export('copy')").fetchall()
        [version] = connection.execute("PRAGMA main.user_version").fetchone()
        connection.execute(f"PRAGMA copy.user_version = {int(version)}")
        connection.execute("DETACH DATABASE copy")


def _in_quotes(secret: bytes) -> str:
    """A raw key, as SQLCipher takes it without deriving another from it."""
    return f"\"x'{secret.hex()}'\""


def _check(part: Path, secret: bytes) -> None:
    with closing(connect_to(part, secret)) as connection:
        [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise Damaged(f"the encrypted copy {part.name} is not whole; the database is as it was")


def _remove_log(path: Path, ending: str) -> None:
    remove(path.with_name(path.name + ending))


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except driver_errors() as error:
        raise OutOfSpace(
            f"{path.name} could not be encrypted ({error}); it is as it was. A damaged database is "
            "repaired first, by a start of the node without `encryption`"
        ) from None

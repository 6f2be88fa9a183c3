"""Which folders files came into last, kept in the database: a start compares these first.

A file whose COMMIT was interrupted is in one of them (recovery.py). Recorded before the first file
of a folder, once for a thousand instances.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_KEY = "folders_in_use"
# Of one run. A folder is left when it is full, or when the disk fails; threads that got
# their place in an earlier one may still write to it.
_REMEMBERED = 8
_meta = schema.meta.c


def folders_in_use(readers: sa.Engine, node: str = "") -> list[str]:
    """The first four characters of the file ids in each, the latest last; node: its name."""
    with reading(readers) as connection:
        return _read(connection, _key(node))


def use_folder(writer: Writer, folder: str, node: str = "") -> None:
    """Record that a folder is in use. Raises OutOfSpace."""

    key = _key(node)

    def work(connection: sa.Connection) -> None:
        folders = [each for each in _read(connection, key) if each != folder]
        value = " ".join([*folders, folder][-_REMEMBERED:])
        connection.execute(sa.delete(schema.meta).where(_meta["key"] == key))
        connection.execute(sa.insert(schema.meta), {"key": key, "value": value})

    writer.run(work)


def _key(node: str) -> str:
    return f"{_KEY} of {node}" if node else _KEY


def _read(connection: sa.Connection, key: str) -> list[str]:
    text = connection.scalar(sa.select(_meta.value).where(_meta["key"] == key))
    return str(text or "").split()

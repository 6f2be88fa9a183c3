"""Which folders files came into last, kept in the database: what a start compares first.

A file whose COMMIT was cut off is in one of them (recovery.py). Written down before the first file
of a folder, once for a thousand instances.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_KEY = "folders_in_use"
# Of one run. A folder is left when it is full, or when the disk fails; threads that were given
# their place in an earlier one may still be writing to it.
_REMEMBERED = 8
_M = schema.meta.c


def folders_in_use(readers: sa.Engine) -> list[str]:
    """The first four characters of the ids of the files in each, the latest last."""
    with reading(readers) as connection:
        return _read(connection)


def use_folder(writer: Writer, folder: str) -> None:
    """A folder is in use from now on. Raises OutOfSpace."""

    def work(connection: sa.Connection) -> None:
        folders = [each for each in _read(connection) if each != folder]
        value = " ".join([*folders, folder][-_REMEMBERED:])
        connection.execute(sa.delete(schema.meta).where(_M["key"] == _KEY))
        connection.execute(sa.insert(schema.meta), {"key": _KEY, "value": value})

    writer.run(work)


def _read(connection: sa.Connection) -> list[str]:
    text = connection.scalar(sa.select(_M.value).where(_M["key"] == _KEY))
    return str(text or "").split()

"""Small texts that other rooms keep here: what was learnt, not what happened. JSON, mostly."""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_M = schema.meta.c
_PREFIX = "note "  # apart from what the store itself keeps in the table


class Notes:
    """Texts by name. Thread-safe; a write is durable on return. Gone with the database."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def read(self, key: str) -> str:
        """What was written last; '' where nothing was."""
        named = _PREFIX + key
        with reading(self._readers) as connection:
            text = connection.scalar(sa.select(_M.value).where(_M["key"] == named))
            return str(text or "")

    def write(self, key: str, text: str) -> None:
        """Raises OutOfSpace."""
        named = _PREFIX + key

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(schema.meta).where(_M["key"] == named))
            connection.execute(sa.insert(schema.meta), {"key": named, "value": text})

        self._writer.run(work)

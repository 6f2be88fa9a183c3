"""Small texts that other packages keep here: what they learned, not what happened. Mostly JSON."""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_meta = schema.meta.c
_PREFIX = "note "  # distinguishes them from the store's own keys in the table


class KeyValue:
    """Texts by name. Thread-safe; a write is durable on return. Lost with the database."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def read(self, key: str) -> str:
        """What was written last; '' where nothing was."""
        named = _PREFIX + key
        with reading(self._readers) as connection:
            text = connection.scalar(sa.select(_meta.value).where(_meta["key"] == named))
            return str(text or "")

    def write(self, key: str, text: str) -> None:
        """Raises OutOfSpace."""
        named = _PREFIX + key

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(schema.meta).where(_meta["key"] == named))
            connection.execute(sa.insert(schema.meta), {"key": named, "value": text})

        self._writer.run(work)

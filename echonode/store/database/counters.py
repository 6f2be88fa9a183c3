"""Durable counters, each with a name; they only grow."""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database import schema

_counter = schema.counter.c

# The counters whose values become part of an exam's number or of a UID. After a restore they go on
# further up, so that no value is given twice (backup/restore.py); the others count events.
GIVEN_OUT = ("unidentified", "reported_step")


def next_value(connection: sa.Connection, name: str) -> int:
    """The counter's next value, from 1 on."""
    return add(connection, name, 1)


def add(connection: sa.Connection, name: str, more: int) -> int:
    """The counter's value after `more` is added to it."""
    value: int | None = connection.scalar(
        sa.update(schema.counter)
        .where(_counter.name == name)
        .values(value=_counter.value + more)
        .returning(_counter.value)
    )
    if value is None:
        connection.execute(sa.insert(schema.counter), {"name": name, "value": more})
        return more
    return value


def read(connection: sa.Connection, name: str) -> int:
    """The counter's value; 0 where it has none."""
    return int(connection.scalar(sa.select(_counter.value).where(_counter.name == name)) or 0)

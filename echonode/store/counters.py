"""Durable counters, each with a name."""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store import schema

_C = schema.counter.c


def next_value(connection: sa.Connection, name: str) -> int:
    """The counter's next value, from 1 on."""
    value = connection.scalar(sa.select(_C.value).where(_C.name == name))
    if value is None:
        connection.execute(sa.insert(schema.counter), {"name": name, "value": 1})
        return 1
    connection.execute(sa.update(schema.counter).where(_C.name == name).values(value=value + 1))
    return int(value) + 1

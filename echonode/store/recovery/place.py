"""Where the instances of a database are kept, written down in it: a start elsewhere is refused.

Without that, a change of `objects.url` would show every instance as missing, and a second node
would keep its instances where the first does not look.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.errors import ConfigError, ConfigFault
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.objects.bucket import ObjectsAt

_KEY = "instances_are_in"
_FILES = "file"
_meta = schema.meta.c


def settle_place(writer: Writer, readers: sa.Engine, objects: ObjectsAt | None) -> None:
    """Write it down in a database without instances; in another compare it. Raises ConfigError."""
    here = _FILES if objects is None else objects.url
    with reading(readers) as connection:
        known = connection.scalar(sa.select(_meta.value).where(_meta["key"] == _KEY))
        empty = connection.scalar(sa.select(schema.instance.c.id).limit(1)) is None
    there = str(known or _FILES)
    if here == there:
        return
    if not empty:
        raise ConfigError(
            [
                ConfigFault(
                    path="objects.url",
                    problem=f"the instances of this store are in {there}, and not in {here}",
                    remedy=f'Give objects: {{url: "{there}"}}, or another data_dir.',
                )
            ]
        )

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.delete(schema.meta).where(_meta["key"] == _KEY))
        connection.execute(sa.insert(schema.meta), {"key": _KEY, "value": here})

    writer.run(work)

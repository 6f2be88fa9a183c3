"""Links by which a second pair of eyes watches a probe, kept until they end or expire.

Rules
- A row is a link that has not been ended. Rows that expired go when another link is made.
- The limit and the new row are one transaction: two who ask at once do not go beyond it.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.access.watch_links import MOST_LINKS, WatchLink
from echonode.errors import OperatorRefused
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_link = schema.watch_link.c


class KeptWatchLinks:
    """Thread-safe; durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def add(self, link: WatchLink, digest: bytes, *, at: datetime) -> None:
        """Keep a new one. Raises OperatorRefused at the limit."""

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(schema.watch_link).where(_link.expires_at <= at))
            kept = connection.scalar(sa.select(sa.func.count()).select_from(schema.watch_link))
            if int(kept or 0) >= MOST_LINKS:
                raise OperatorRefused(f"there are {MOST_LINKS} watch links: end one of them")
            connection.execute(
                sa.insert(schema.watch_link),
                {
                    "link_id": link.id,
                    "probe": link.probe,
                    "secret_sha256": digest,
                    "made_at": at,
                    "expires_at": link.expires_at,
                },
            )

        self._writer.run(work)

    def all(self) -> dict[bytes, WatchLink]:
        """By the hash of the token, those that expired included; the oldest first."""
        with reading(self._readers) as connection:
            rows = connection.execute(sa.select(schema.watch_link).order_by(_link.id)).all()
        return {
            row.secret_sha256: WatchLink(id=row.link_id, probe=row.probe, expires_at=row.expires_at)
            for row in rows
        }

    def end(self, probe: str, link_id: str | None, *, at: datetime) -> int:
        """End one of a probe's links, or all of them; how many there were at `at`."""
        of_it = [_link.probe == probe, _link.expires_at > at]
        if link_id is not None:
            of_it.append(_link.link_id == link_id)

        def work(connection: sa.Connection) -> int:
            return connection.execute(sa.delete(schema.watch_link).where(*of_it)).rowcount

        return self._writer.run(work)

"""Sessions of users in browsers.

Rules
- A row is a session that may still be used; the rules of when it is over or locked are those of
  access/session_rules.py, asked by who reads it.
- A user has at most MOST_PER_USER sessions: the oldest ends when another begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from echonode.access.roles import Role
from echonode.errors import UsageError
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_user, _session = schema.user_account.c, schema.user_session.c
# Every screen of a clinic for one person who logs out of none of them.
MOST_PER_USER = 32


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session and whose it is."""

    key: int
    user: str
    role: Role
    created_at: datetime
    seen_at: datetime
    locked: bool
    pin_failures: int
    has_pin: bool


class Sessions:
    """Thread-safe; durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def begin(self, user: str, digest: bytes, *, at: datetime) -> int:
        """A new session; its key. Raises UsageError where the user may not log in (any more)."""

        def work(connection: sa.Connection) -> int:
            of = connection.scalar(
                sa.select(_user.id).where(_user.name == user, _user.disabled.is_(False))
            )
            if of is None:
                raise UsageError("no user has that name")
            newest = (
                sa.select(_session.id)
                .where(_session.user_account_id == of)
                .order_by(_session.id.desc())
                .limit(MOST_PER_USER - 1)
            )
            connection.execute(
                sa.delete(schema.user_session).where(
                    _session.user_account_id == of, _session.id.not_in(newest)
                )
            )
            made = connection.execute(
                sa.insert(schema.user_session).returning(_session.id),
                {
                    "user_account_id": of,
                    "secret_sha256": digest,
                    "created_at": at,
                    "seen_at": at,
                    "locked": False,
                    "pin_failures": 0,
                },
            )
            return int(made.scalar_one())

        return self._writer.run(work)

    def find(self, digest: bytes) -> Session | None:
        """None where it ended, or its user is disabled."""
        with reading(self._readers) as connection:
            row = connection.execute(
                sa.select(schema.user_session, _user.name, _user.role, _user.pin_hash)
                .join(schema.user_account, _session.user_account_id == _user.id)
                .where(_session.secret_sha256 == digest, _user.disabled.is_(False))
            ).first()
        if row is None:
            return None
        return Session(
            key=row.id,
            user=row.name,
            role=Role(row.role),
            created_at=row.created_at,
            seen_at=row.seen_at,
            locked=row.locked,
            pin_failures=row.pin_failures,
            has_pin=bool(row.pin_hash),
        )

    def seen(self, key: int, at: datetime) -> None:
        """It was used."""
        self._set(key, seen_at=at)

    def lock(self, key: int) -> None:
        """Until its PIN or password is given."""
        self._set(key, locked=True)

    def unlock(self, key: int, at: datetime) -> None:
        """It is used again, and its PIN may be tried again."""
        self._set(key, locked=False, pin_failures=0, seen_at=at)

    def count_pin_try(self, key: int, most: int) -> bool:
        """Count a try as a wrong one until it is known; False where there were `most` already."""

        def work(connection: sa.Connection) -> bool:
            changed = connection.execute(
                sa.update(schema.user_session)
                .where(_session.id == key, _session.pin_failures < most)
                .values(pin_failures=_session.pin_failures + 1)
            )
            return changed.rowcount > 0

        return self._writer.run(work)

    def end(self, key: int) -> None:
        """Log out."""
        self._writer.execute(sa.delete(schema.user_session).where(_session.id == key))

    def prune(self, *, before: datetime) -> None:
        """Forget those that began before it."""
        self._writer.execute(sa.delete(schema.user_session).where(_session.created_at < before))

    def _set(self, key: int, **values: object) -> None:
        self._writer.execute(
            sa.update(schema.user_session).where(_session.id == key).values(**values)
        )

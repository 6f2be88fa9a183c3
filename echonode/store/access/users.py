"""Users and their tokens. Rules

- The last administrator who can log in stays: it is not removed, disabled or given another role.
- What changes a user's rights or password ends the user's sessions, and what disables a service its
  tokens, in the same transaction: no request after it is answered by the old ones.
- The first user can only be made while there is none (`add_first`): of two who try, one succeeds.
- The set-up code is kept as it is, until there is a user: who can read it here could make a user
  here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.access.roles import Role
from echonode.errors import OperatorRefused, UsageError
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_user, _session, _token = schema.user_account.c, schema.user_session.c, schema.api_token.c
_meta = schema.meta.c
MOST_USERS = 1000
_SETUP_CODE = "setup_code"


@dataclass(frozen=True, kw_only=True)
class User:
    """A user without their secrets. sessions, tokens: how many are kept."""

    name: str
    role: Role
    disabled: bool
    has_pin: bool
    created_at: datetime
    sessions: int = 0
    tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a log-in is compared with; '' is a hash that nothing fits."""

    name: str
    password_hash: str
    pin_hash: str


NO_CREDENTIALS = Credentials(name="", password_hash="", pin_hash="")


class UserReader:
    """What may be read while a node runs. Thread-safe; raises StoreError."""

    def __init__(self, readers: sa.Engine) -> None:
        self._readers = readers

    def all(self) -> list[User]:
        """Every user, by name."""
        sessions = _count(_session.user_account_id)
        tokens = _count(_token.user_account_id)
        with reading(self._readers) as connection:
            rows = connection.execute(
                sa.select(
                    schema.user_account, sessions.label("sessions"), tokens.label("tokens")
                ).order_by(_user.name)
            ).all()
        return [
            User(
                name=row.name,
                role=Role(row.role),
                disabled=row.disabled,
                has_pin=bool(row.pin_hash),
                created_at=row.created_at,
                sessions=row.sessions,
                tokens=row.tokens,
            )
            for row in rows
        ]

    def any(self) -> bool:
        """Whether there is a user at all, also a disabled one."""
        with reading(self._readers) as connection:
            return connection.scalar(sa.select(_user.id).limit(1)) is not None

    def current_setup_code(self) -> str:
        """'' where there is a user, or none was made yet."""
        with reading(self._readers) as connection:
            code = connection.scalar(sa.select(_meta.value).where(_meta["key"] == _SETUP_CODE))
            return str(code or "")

    def credentials(self, name: str) -> Credentials:
        """Of a user who may log in; NO_CREDENTIALS of any other name."""
        with reading(self._readers) as connection:
            row = connection.execute(
                sa.select(_user.password_hash, _user.pin_hash).where(
                    _user.name == name, _user.disabled.is_(False)
                )
            ).first()
        if row is None:
            return NO_CREDENTIALS
        return Credentials(name=name, password_hash=row.password_hash, pin_hash=row.pin_hash)

    def of_token(self, digest: bytes) -> tuple[str, Role] | None:
        """Name and role of whose token it is; None where it is of no user, or of a disabled one."""
        with reading(self._readers) as connection:
            row = connection.execute(
                sa.select(_user.name, _user.role)
                .join(schema.api_token, _token.user_account_id == _user.id)
                .where(_token.secret_sha256 == digest, _user.disabled.is_(False))
            ).first()
        return None if row is None else (row.name, Role(row.role))


class Users(UserReader):
    """Changes as well. Thread-safe; durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        super().__init__(readers)
        self._writer = writer

    def setup_code(self, new: str) -> str:
        """The set-up code, `new` where there was none; '' where there is a user."""

        def work(connection: sa.Connection) -> str:
            if connection.scalar(sa.select(_user.id).limit(1)) is not None:
                return ""
            known = sa.select(_meta.value).where(_meta["key"] == _SETUP_CODE)
            if (code := connection.scalar(known)) is not None:
                return str(code)
            connection.execute(sa.insert(schema.meta), {"key": _SETUP_CODE, "value": new})
            return new

        return self._writer.run(work)

    def add(self, name: str, role: Role, *, password_hash: str, at: datetime) -> None:
        """Raises OperatorRefused where the name is taken, or there are too many."""

        def work(connection: sa.Connection) -> None:
            count = connection.scalar(sa.select(sa.func.count()).select_from(schema.user_account))
            if (count or 0) >= MOST_USERS:
                raise OperatorRefused(f"there are {MOST_USERS} users already: remove one first")
            _insert(connection, name, role, password_hash, at)

        self._writer.run(work)

    def add_first(self, name: str, *, password_hash: str, at: datetime) -> None:
        """The first user, an administrator. Raises OperatorRefused where there is one already."""

        def work(connection: sa.Connection) -> None:
            if connection.scalar(sa.select(_user.id).limit(1)) is not None:
                raise OperatorRefused("there is a user already, so the set-up is over: log in")
            _insert(connection, name, Role.ADMINISTRATOR, password_hash, at)

        self._writer.run(work)

    def set_role(self, name: str, role: Role, *, at: datetime) -> None:
        """Raises UsageError, OperatorRefused."""

        def work(connection: sa.Connection) -> None:
            row = _row(connection, name)
            if (row.role == Role.SERVICE) != (role is Role.SERVICE):
                raise OperatorRefused(
                    "a service has a token and no password, so it takes no other role, and no "
                    "other user its role: add a user of its own"
                )
            if role is not Role.ADMINISTRATOR:
                _keep_one(connection, row)
            _change(connection, row.id, at, role=role)

        self._writer.run(work)

    def set_disabled(self, name: str, disabled: bool, *, at: datetime) -> None:
        """Raises UsageError, OperatorRefused."""

        def work(connection: sa.Connection) -> None:
            row = _row(connection, name)
            if disabled:
                _keep_one(connection, row)
            _change(connection, row.id, at, disabled=disabled)

        self._writer.run(work)

    def set_password(
        self, name: str, password_hash: str, *, at: datetime, keep_session: int | None = None
    ) -> None:
        """Replace password and PIN, and end the sessions but one. Raises UsageError,
        OperatorRefused.
        """

        def work(connection: sa.Connection) -> None:
            row = _row(connection, name)
            if row.role == Role.SERVICE:
                raise OperatorRefused(f"{name} is a service, which has a token and no password")
            _change(
                connection,
                row.id,
                at,
                keep_session=keep_session,
                password_hash=password_hash,
                pin_hash="",
            )

        self._writer.run(work)

    def set_pin(self, name: str, pin_hash: str) -> None:
        """Raises UsageError."""

        def work(connection: sa.Connection) -> None:
            row = _row(connection, name)
            connection.execute(
                sa.update(schema.user_account).where(_user.id == row.id).values(pin_hash=pin_hash)
            )

        self._writer.run(work)

    def refresh_hash(self, name: str, *, old: str, new: str) -> None:
        """The same password, kept by today's parameters."""
        self._writer.execute(
            sa.update(schema.user_account)
            .where(_user.name == name, _user.password_hash == old)
            .values(password_hash=new)
        )

    def set_token(self, name: str, digest: bytes, *, at: datetime) -> None:
        """Replace the tokens of a service by one. Raises UsageError, OperatorRefused."""

        def work(connection: sa.Connection) -> None:
            row = _row(connection, name)
            if row.role != Role.SERVICE:
                raise OperatorRefused(f"{name} is no service, and only services have tokens")
            connection.execute(sa.delete(schema.api_token).where(_token.user_account_id == row.id))
            connection.execute(
                sa.insert(schema.api_token),
                {"user_account_id": row.id, "secret_sha256": digest, "created_at": at},
            )

        self._writer.run(work)

    def remove(self, name: str) -> None:
        """Raises UsageError, OperatorRefused."""

        def work(connection: sa.Connection) -> None:
            row = _row(connection, name)
            _keep_one(connection, row)
            connection.execute(sa.delete(schema.user_account).where(_user.id == row.id))

        self._writer.run(work)


def _count(column: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    """How many rows of the column's table are the user's."""
    return sa.select(sa.func.count()).where(column == _user.id).scalar_subquery()


def _insert(
    connection: sa.Connection, name: str, role: Role, password_hash: str, at: datetime
) -> None:
    if connection.scalar(sa.select(_user.id).where(_user.name == name)) is not None:
        raise OperatorRefused(f"there is a user {name} already")
    connection.execute(sa.delete(schema.meta).where(_meta["key"] == _SETUP_CODE))
    connection.execute(
        sa.insert(schema.user_account),
        {
            "name": name,
            "role": role.value,
            "password_hash": password_hash,
            "pin_hash": "",
            "disabled": False,
            "created_at": at,
            "changed_at": at,
        },
    )


def _row(connection: sa.Connection, name: str) -> Any:
    row = connection.execute(sa.select(schema.user_account).where(_user.name == name)).first()
    if row is None:
        raise UsageError("no user has that name")
    return row


def _keep_one(connection: sa.Connection, row: Any) -> None:
    """Refuse to lose the last administrator who can log in."""
    if row.role != Role.ADMINISTRATOR or row.disabled:
        return
    another = sa.select(_user.id).where(
        _user.role == Role.ADMINISTRATOR.value, _user.disabled.is_(False), _user.id != row.id
    )
    if connection.scalar(another.limit(1)) is None:
        raise OperatorRefused(
            f"{row.name} is the only administrator who can log in: make another one first"
        )


def _change(
    connection: sa.Connection,
    key: int,
    at: datetime,
    *,
    keep_session: int | None = None,
    **values: object,
) -> None:
    connection.execute(
        sa.update(schema.user_account).where(_user.id == key).values(changed_at=at, **values)
    )
    ended = _session.user_account_id == key
    if keep_session is not None:
        ended &= _session.id != keep_session
    connection.execute(sa.delete(schema.user_session).where(ended))

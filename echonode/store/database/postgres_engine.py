"""PostgreSQL as the store's engine, for several nodes on one database.

Rules
- psycopg is imported by the first connection, and only where the configuration names PostgreSQL.
- A COMMIT that returned is on the server's disk: synchronous_commit is never off. Where the
  connection is lost within the COMMIT, it is unknown (CommitUncertain).
- READ COMMITTED, and two kinds of transaction. Those that say what they lock run at the same time
  on several nodes. Any other is alone in the database while it lasts, as with SQLite: so work that
  reads, decides and writes is right without a word about locks. It is an advisory lock of the
  transaction: shared for the first kind, exclusive for the second.
- What the first kind decides on (a patient, at an insertion) is an advisory lock too, by a number
  made of its name: so a patient that has no row yet is locked as one that has.
- What failed because another node was there at the same moment (40001, 40P01, 23505) is done again.
- A node that stops within a transaction holds up the others for IDLE_S at most; then the server
  ends its session.
- Values of a statement never reach the log: errors are raised without SQLAlchemy's text.
"""

from __future__ import annotations

import hashlib
import select
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace, StoreError
from echonode.store.database.failures import CommitUncertain, Contended

IDLE_S = 10  # a batch takes milliseconds; a frozen node must not hold the others up for long
_LOCK_WAIT_S = 30  # for locks of others; a little longer than three that are frozen in turn
_CONNECT_S = 5
_READERS = 8
# A slow C-FIND holds one for its whole duration. The server has max_connections (100) for all.
_MORE_READERS = 16
_WAIT_FOR_READER_S = 30
# Any number, the same in every node: the lock of this application in its database.
_TRANSACTION_LOCK = 0x4563_686F
# The first number of a lock of work; the second is that of what the work decides on.
_WORK_LOCK = 0x4563_686F
_SERIALIZATION, _DEADLOCK, _DUPLICATE, _LOCK_TIMEOUT = "40001", "40P01", "23505", "55P03"
_AGAIN = frozenset({_SERIALIZATION, _DEADLOCK, _LOCK_TIMEOUT})
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5}


def writer_engine(url: str) -> sa.Engine:
    """An engine whose one connection writes."""
    settings = (
        f"-c idle_in_transaction_session_timeout={IDLE_S * 1000} "
        f"-c lock_timeout={_LOCK_WAIT_S * 1000} -c synchronous_commit=on"
    )
    return sa.create_engine(
        url,
        connect_args={"options": settings, "connect_timeout": _CONNECT_S, **_KEEPALIVE},
        poolclass=sa.pool.NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


def reader_engine(url: str) -> sa.Engine:
    """An engine of connections that only read: each statement by itself, which costs one way.

    At READ COMMITTED a transaction around several statements would show no more than each shows.
    """
    engine = sa.create_engine(
        url,
        connect_args={
            "options": "-c default_transaction_read_only=on",
            "connect_timeout": _CONNECT_S,
            **_KEEPALIVE,
        },
        pool_size=_READERS,
        max_overflow=_MORE_READERS,
        pool_timeout=_WAIT_FOR_READER_S,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )
    _ask_those_that_ended(engine)
    return engine


def _ask_those_that_ended(engine: sa.Engine) -> None:
    """Have a connection asked before its use where the server has said something meanwhile.

    A server that ends a session says so, or closes the socket; to an idle connection it says hardly
    anything else. SQLAlchemy's own (pool_pre_ping) asks each time, and doubles what a short reading
    costs.
    """

    @sa.event.listens_for(engine, "checkout")
    def _taken(
        connection: Any, record: sa.pool.ConnectionPoolEntry, proxy: sa.PoolProxiedConnection
    ) -> None:
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if not waiting.poll(0):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise sa.exc.DisconnectionError from None  # the pool makes another one


def in_parts(connection: sa.Connection) -> sa.Connection:
    """For one statement of many rows: they come in parts, by a cursor of the server.

    A cursor lasts as long as its transaction.
    """
    return connection.execution_options(isolation_level="READ COMMITTED", stream_results=True)


def meaning_of(error: sa.exc.DBAPIError) -> StoreError | None:
    """What a failure means; None for a defect of ours, and for a constraint."""
    state = _state(error)
    if _is_lost(error):
        return OutOfSpace("the database does not answer")
    if state in _AGAIN:
        return Contended("the database is busy with the work of other nodes")
    match state[:2]:
        case "53":  # insufficient resources: disk full, out of memory, too many connections
            return OutOfSpace("the database has no more room")
        case "25" if state == "25006":
            return OutOfSpace("the database cannot be written: it is a standby or read-only")
        case "28" | "3D":  # invalid authorisation; no such database
            return OutOfSpace("the database refuses this user, or does not exist")
        case "58" | "XX":  # input and output of the server's disk; corrupted data
            if state == "58030":
                return OutOfSpace("the disk failed under the database")
            return IndexDamaged("the database server reports damage")
    return None


def _state(error: sa.exc.DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _is_lost(error: sa.exc.DBAPIError) -> bool:
    """Whether the server is gone, or ended the session."""
    state = _state(error)
    if state[:2] in ("08", "57") or state == "25P03":
        return True
    no_answer = not state and isinstance(error, sa.exc.OperationalError)
    return error.connection_invalidated or no_answer


def _number_of(text: str) -> int:
    """32 bits for a text, the same at every node: no text from outside becomes part of SQL."""
    return int.from_bytes(
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4], signed=True
    )


class PostgresTransactions:
    """How the writer's transactions begin and end."""

    def set_durable(self, connection: sa.Connection, durable: bool) -> None:
        """Its COMMIT always is."""

    def begin(
        self, connection: sa.Connection, *, alone: bool, locks: Sequence[str], durable: bool
    ) -> None:
        """Begin, and lock; alone: no other node's transaction changes anything until it ends.

        All of it goes to the server at once. Each statement that follows sees what was committed
        before the locks were had.
        """
        lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        steps = ["BEGIN", f"SELECT {lock}({_TRANSACTION_LOCK})"]
        # Sorted as numbers, at every node alike: two batches never wait for each other.
        numbers = sorted({_number_of(text) for text in locks})
        steps += [f"SELECT pg_advisory_xact_lock({_WORK_LOCK}, {number})" for number in numbers]
        connection.exec_driver_sql("; ".join(steps)).close()

    def commit(self, connection: sa.Connection) -> None:
        """Make it durable. Raises CommitUncertain where the answer to it did not come."""
        try:
            connection.exec_driver_sql("COMMIT")
        except sa.exc.DBAPIError as error:
            if _is_lost(error):
                raise CommitUncertain("the database was lost within a COMMIT") from None
            raise

    def roll_back(self, connection: sa.Connection) -> None:
        """Undo what was done since `begin`; the server does so where the connection is lost."""
        try:
            if not self.is_lost(connection):
                connection.exec_driver_sql("ROLLBACK")
        except sa.exc.DBAPIError:
            connection.invalidate()

    def is_lost(self, connection: sa.Connection) -> bool:
        """Whether another connection is to be made."""
        return connection.closed or connection.invalidated

    def may_pass(self, error: Exception) -> bool:
        """Whether the same work may succeed a moment later."""
        if isinstance(error, Contended):
            return True
        return isinstance(error, sa.exc.IntegrityError) and _state(error) == _DUPLICATE

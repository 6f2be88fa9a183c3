"""A node among those that share the database: seen, alive or dead, and what it holds.

Rules
- A node says every BEAT_S that it is there, with the time of the database's clock. One that was not
  seen for LEASE_S is dead: its claims are due again, and its leases are free.
- A node that was stopped and goes on does not know that. By its own monotonic clock it holds a
  lease for LEASE_S less a margin after its last word, and no longer; and a result of a delivery
  counts only while the delivery is claimed by the node that brings it (deliveries/attempts.py).
- An incarnation is new at each start. A start takes what an earlier one of its name held.
- A lease is asked for at each word, and kept until the node leaves or dies.
- Nodes whose destinations differ do not run together: each would send to its own.
- A database that is a file has one node: it holds everything, and no row is written.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from echonode.errors import ConfigError, ConfigFault
from echonode.store.database import schema
from echonode.store.database.connections import Writer
from echonode.store.database.dialects import POSTGRESQL, insert_or

LEASE_S = 60.0
BEAT_S = 5.0
# A lease ends here before it does there: what is under way gets the time to end.
_MARGIN_S = 10.0
_FORGOTTEN_AFTER = 100  # leases' lengths; then nothing refers to a dead node any more
DUTIES = "duties"

_node, _lease = schema.cluster_node.c, schema.lease.c


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the last word said. nodes: how many are alive; rank: our place, the leader's is 0.

    is_replaced: another process runs under our name; then nothing is ours.
    """

    nodes: int = 1
    rank: int = 0
    leases: frozenset[str] = frozenset()
    valid_until_s: float = 0.0
    is_replaced: bool = False


class Membership:
    """This process among the nodes of its database. Thread-safe."""

    def __init__(
        self,
        writer: Writer,
        *,
        name: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """name: of the node, the same after a restart; now: for a database without a clock."""
        self.name = name
        self.incarnation = secrets.token_hex(8)
        self._writer = writer
        self._now = now
        self._monotonic = monotonic
        self._standing = Standing()
        self._configuration = ""

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may be there."""
        return self._writer.is_on_server

    @property
    def nodes(self) -> int:
        """How many nodes are alive, as of the last word."""
        return self._standing.nodes

    def join(self) -> None:
        """Be there, before anything is claimed. An earlier start of this name is dead from now on.

        Raises OutOfSpace.
        """
        if self.is_shared:
            self._writer.run(self._enter)
            self.beat()

    def agree(self, configuration: str) -> None:
        """Say what our destinations are. Raises ConfigError where another node has others."""
        if not self.is_shared:
            return
        self._configuration = configuration

        def work(connection: sa.Connection) -> str | None:
            connection.execute(
                sa.update(schema.cluster_node)
                .where(_node.incarnation == self.incarnation)
                .values(configuration=configuration)
            )
            return connection.scalar(
                sa.select(_node.name).where(
                    _node.incarnation != self.incarnation,
                    _node.configuration.not_in(["", configuration]),
                    _node.seen_at > self._dead_before(connection),
                )
            )

        if (other := self._writer.run(work)) is not None:
            raise ConfigError(
                [
                    ConfigFault(
                        path="destinations",
                        problem=f"they are not those of the node `{other}` on the same database",
                        remedy="Give every node the same destinations, then start them again.",
                    )
                ]
            )

    def beat(self, wanted: Collection[str] = (DUTIES,)) -> Standing:
        """Say that this node is there, and take the wanted leases that are free.

        Raises OutOfSpace: then what is held stays so until its time is over.
        """
        if not self.is_shared:
            return self._standing
        began_s = self._monotonic()

        def work(connection: sa.Connection) -> Standing:
            if self._is_replaced(connection):
                return Standing(is_replaced=True)
            self._seen(connection)
            dead_before = self._dead_before(connection)
            held = frozenset(
                name for name in sorted(wanted) if self._takes(connection, name, dead_before)
            )
            alive = connection.execute(
                sa.select(_node.incarnation)
                .where(_node.seen_at > dead_before)
                .order_by(_node.incarnation)
            )
            leader = connection.scalar(sa.select(_lease.incarnation).where(_lease.name == DUTIES))
            order = sorted(alive.scalars(), key=lambda each: (each != leader, each))
            return Standing(
                nodes=len(order),
                rank=order.index(self.incarnation),
                leases=held,
                valid_until_s=began_s + LEASE_S - _MARGIN_S,
            )

        self._standing = self._writer.run(work, locking="")
        return self._standing

    def holds(self, name: str) -> bool:
        """Whether something belongs to this node now."""
        if not self.is_shared:
            return True
        standing = self._standing
        return name in standing.leases and self._monotonic() < standing.valid_until_s

    def leads(self) -> bool:
        """Whether this node does what one node does for all."""
        return self.holds(DUTIES)

    def share_of(self, number: int) -> int:
        """Our part of what all nodes together may have; the leader has one where there is any."""
        standing = self._standing
        whole, rest = divmod(number, standing.nodes)
        return whole + (standing.rank < rest)

    def leave(self) -> None:
        """Stop being there: another takes over at once. Raises OutOfSpace."""
        if not self.is_shared:
            return

        def work(connection: sa.Connection) -> None:
            mine = self.incarnation
            connection.execute(sa.delete(schema.lease).where(_lease.incarnation == mine))
            connection.execute(sa.delete(schema.cluster_node).where(_node.incarnation == mine))

        self._writer.run(work)

    def claimed_by_the_dead(self, connection: sa.Connection) -> sa.ColumnElement[bool]:
        """The condition on deliveries whose node is not there any more."""
        alive = sa.select(_node.incarnation).where(_node.seen_at > self._dead_before(connection))
        claimed_by = schema.delivery.c.claimed_by
        return sa.and_(claimed_by != self.incarnation, claimed_by.not_in(alive))

    def _enter(self, connection: sa.Connection) -> None:
        earlier = sa.select(_node.incarnation).where(_node.name == self.name)
        connection.execute(sa.delete(schema.lease).where(_lease.incarnation.in_(earlier)))
        forgotten = self._clock(connection) - timedelta(seconds=LEASE_S * _FORGOTTEN_AFTER)
        connection.execute(
            sa.delete(schema.cluster_node).where(
                sa.or_(_node.name == self.name, _node.seen_at < forgotten)
            )
        )
        self._seen(connection)

    def _is_replaced(self, connection: sa.Connection) -> bool:
        others = sa.select(_node.incarnation).where(_node.name == self.name)
        found = set(connection.execute(others).scalars())
        return bool(found) and self.incarnation not in found

    def _seen(self, connection: sa.Connection) -> None:
        """Our row, with the time of now; made again where we were taken for dead."""
        values = {
            "incarnation": self.incarnation,
            "name": self.name,
            "configuration": self._configuration,
            "seen_at": self._clock(connection),
        }
        connection.execute(
            insert_or(connection, schema.cluster_node)
            .values(values)
            .on_conflict_do_update(index_elements=[_node.incarnation], set_=values)
        )

    def _takes(self, connection: sa.Connection, name: str, dead_before: datetime) -> bool:
        """Whether a lease is ours: it was, or it is free."""
        values = {"name": name, "incarnation": self.incarnation}
        alive = sa.select(_node.incarnation).where(_node.seen_at > dead_before)
        connection.execute(
            insert_or(connection, schema.lease)
            .values(values)
            .on_conflict_do_update(
                index_elements=[_lease.name],
                set_=values,
                where=_lease.incarnation.not_in(alive),
            )
        )
        holder = connection.scalar(sa.select(_lease.incarnation).where(_lease.name == name))
        return bool(holder == self.incarnation)

    def _dead_before(self, connection: sa.Connection) -> datetime:
        return self._clock(connection) - timedelta(seconds=LEASE_S)

    def _clock(self, connection: sa.Connection) -> datetime:
        """The database's; a file has ours."""
        if connection.dialect.name != POSTGRESQL:
            return self._now()
        found = connection.scalar(sa.select(sa.func.clock_timestamp()))
        assert isinstance(found, datetime)  # timestamp with time zone
        return found

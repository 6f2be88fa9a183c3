"""Several nodes on one database: what each holds, and what the others do when it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import ConfigError, IllegalTransition
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.database import schema
from echonode.store.nodes.membership import DUTIES, LEASE_S, Membership
from echonode.store.store import Store
from tests.peers.fixtures import require_program
from tests.peers.postgres import PostgresServer
from tests.unit.store.samples import NOON, Clock, dataset, put

pytestmark = pytest.mark.slow
_node = schema.cluster_node.c


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    require_program("initdb")
    with PostgresServer() as running:
        yield running


class Clinic:
    """Nodes on one database and one folder."""

    def __init__(self, folder: Path, url: str, stack: ExitStack) -> None:
        self.folder, self.url, self.stack = folder, url, stack

    def node(self, name: str) -> Store:
        return self.stack.enter_context(
            Store.open(self.folder, now=Clock(), index_url=self.url, node=name)
        )

    def has_died(self, store: Store) -> None:
        """It was not seen since before its lease, by the database's clock."""
        store._writer.execute(
            sa.update(schema.cluster_node)
            .where(_node.incarnation == store.nodes.incarnation)
            .values(
                seen_at=sa.type_coerce(_node.seen_at, sa.BigInteger)
                - timedelta(seconds=LEASE_S + 1) // timedelta(microseconds=1)
            )
        )


@pytest.fixture
def clinic(
    server: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Clinic]:
    url = server.create_database(f"db_{abs(hash(request.node.name))}")
    with ExitStack() as stack:
        yield Clinic(tmp_path / "var", url, stack)


def test_what_another_node_sends_is_left_to_it(clinic: Clinic) -> None:
    """A node that starts does not send again what another one is sending."""
    one = clinic.node("one")
    put(one, dataset(1), destinations=["pacs"])
    [job] = one.deliveries.claim("pacs", now=NOON, limit=10)
    two = clinic.node("two")
    assert two.recovery.report.deliveries_requeued == 0
    assert two.deliveries.claim("pacs", now=NOON, limit=10) == []
    one.deliveries.record_attempt(job.id, DeliveryEvent.STORED, now=NOON, status=0)
    assert two.deliveries.of_instance("1.2.3.4.1")[0].state is DeliveryState.SENT


def test_the_deliveries_of_a_dead_node_are_sent_by_another(clinic: Clinic) -> None:
    """Once its lease is over, what it was sending is due; what it says later does not count."""
    one, two = clinic.node("one"), clinic.node("two")
    put(one, dataset(1), destinations=["pacs"])
    [job] = one.deliveries.claim("pacs", now=NOON, limit=10)
    two.nodes.beat()
    assert two.deliveries.requeue_interrupted() == 0
    clinic.has_died(one)
    assert two.deliveries.requeue_interrupted() == 1
    [again] = two.deliveries.claim("pacs", now=NOON, limit=10)
    assert again.id == job.id
    with pytest.raises(IllegalTransition, match="another node has claimed"):
        one.deliveries.record_attempt(job.id, DeliveryEvent.STORED, now=NOON, status=0)
    two.deliveries.record_attempt(job.id, DeliveryEvent.STORED, now=NOON, status=0)
    assert one.deliveries.of_instance("1.2.3.4.1")[0].state is DeliveryState.SENT


def test_a_start_takes_what_an_earlier_start_of_its_name_sent(clinic: Clinic) -> None:
    """A node that was killed and starts again does not wait for its own lease to end."""
    one = clinic.node("one")
    put(one, dataset(1), destinations=["pacs"])
    assert one.deliveries.claim("pacs", now=NOON, limit=10)
    one._lock.release()  # killed
    again = clinic.node("one")
    assert again.recovery.report.deliveries_requeued == 1
    assert one.nodes.beat().is_replaced
    assert not one.nodes.leads()
    one._lock = again._lock.__class__(clinic.folder / "other-lock")


def test_one_node_leads_and_another_follows_when_it_is_gone(clinic: Clinic) -> None:
    """Duties are one node's; a stop hands them over at once, a death after the lease."""
    one, two, three = clinic.node("one"), clinic.node("two"), clinic.node("three")
    for each in (two, three, one):
        each.nodes.beat([DUTIES, "probe room-1"])
    assert [each.nodes.leads() for each in (one, two, three)] == [True, False, False]
    clinic.has_died(one)
    two.nodes.beat()
    assert two.nodes.leads()
    two.nodes.leave()
    assert not two.nodes.beat([]).leases
    three.nodes.beat()
    assert three.nodes.leads()


def test_a_frozen_node_does_not_believe_in_its_lease(clinic: Clinic) -> None:
    """By its own clock a lease is over before another may have it."""
    seconds = [0.0]
    one = clinic.node("one")
    frozen = Membership(one._writer, name="frozen", now=Clock(), monotonic=lambda: seconds[0])
    one.nodes.leave()
    frozen.join()
    assert frozen.leads()
    seconds[0] += LEASE_S - 1
    assert not frozen.leads()


def test_associations_are_shared_out(clinic: Clinic) -> None:
    """Of five associations that a PACS gives, all nodes together have five; of one, one."""
    stores = [clinic.node(name) for name in ("one", "two", "three")]
    for each in stores:
        each.nodes.beat()
    assert sum(each.nodes.share_of(5) for each in stores) == 5
    assert [each.nodes.share_of(1) for each in stores if each.nodes.leads()] == [1]
    assert sum(each.nodes.share_of(1) for each in stores) == 1


def test_nodes_with_other_destinations_do_not_run_together(clinic: Clinic) -> None:
    """The second is refused and told whose configuration differs; after the first is gone, not."""
    one, two = clinic.node("one"), clinic.node("two")
    one.nodes.agree("pacs")
    with pytest.raises(ConfigError, match="node `one`"):
        two.nodes.agree("pacs and archive")
    one.nodes.leave()
    two.nodes.agree("pacs and archive")


@pytest.mark.sqlite
def test_a_node_with_sqlite_is_alone(tmp_path: Path) -> None:
    """It holds everything, and its tables of nodes stay empty."""
    with Store.open(tmp_path, now=Clock()) as store:
        store.nodes.beat(["probe room-1"])
        assert store.nodes.leads()
        assert store.nodes.holds("probe room-1")
        assert store.nodes.share_of(4) == 4
        with store._readers.connect() as connection:
            assert connection.execute(sa.select(schema.cluster_node)).all() == []

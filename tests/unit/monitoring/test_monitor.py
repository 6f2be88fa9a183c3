"""What the node says of itself when its database turns out to be damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.config import parse
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.errors import IndexDamaged, OutOfSpace
from echonode.frames.source.source_counts import SourceCounts
from echonode.intake.captures import IntakeCounters
from echonode.maintenance.scrubbing import ScrubCounters
from echonode.monitoring.commit_times import CommitTimes
from echonode.monitoring.monitor import MonitoredNode, NodeMonitor
from echonode.node.settings.parts import free_space
from echonode.store.files.durability import Kind
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many

CONFIG = """
ae_title: ECHONODE
data_dir: {data_dir}
retention: {{minimum_free_percent: 0}}
peers:
  pacs: {{ae_title: PACS, host: 127.0.0.1, port: 4242, may: [echo, store, commit]}}
destinations:
  - {{peer: pacs, commitment: required}}
"""


class MonitoredStore:
    """A store, and the reader of a node that has nothing else; closed at the end of the block."""

    def __init__(self, data_dir: Path, *, sources: Sequence[object] = ()) -> None:
        config = parse(CONFIG.format(data_dir=data_dir), {})
        self.store = Store.open(data_dir, now=Clock())
        self.monitor = NodeMonitor(
            MonitoredNode(
                config=config,
                store=self.store,
                sources=sources,  # type: ignore[arg-type]  # as far as the monitor reads them
                intake_counters=IntakeCounters,
                scrub_counters=lambda: ScrubCounters(files=3, damaged=1),
                active_associations=lambda: 0,
                delivery_status=lambda name: DeliveryStatus(),
                commit_times=CommitTimes(),
                free_space=free_space(config),
                call_back="AE ECHONODE at 127.0.0.1:11112",
                now=lambda: NOON,
            )
        )

    def __enter__(self) -> MonitoredStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @property
    def alarms(self) -> list[str]:
        return [alarm.name for alarm in self.monitor.alarms()]

    @property
    def problem(self) -> str:
        return self.monitor.checks()["store"]()


def change(data_dir: Path, statement: str) -> None:
    """What a failing disk may do, behind the store's back."""
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def monitored(data_dir: Path) -> Iterator[MonitoredStore]:
    with MonitoredStore(data_dir) as monitored:
        put_many(monitored.store, 2, "pacs")
        yield monitored


def test_a_sound_database_is_no_problem(monitored: MonitoredStore) -> None:
    """Ready, and no alarm."""
    assert (monitored.problem, monitored.alarms) == ("", [])


@pytest.mark.slow
def test_damage_met_in_use_is_told_until_the_restart(data_dir: Path) -> None:
    """One damaged row, though all else can be read: not ready, with an alarm that says what to do;
    both are gone when the node was started again.
    """
    with MonitoredStore(data_dir) as monitored:
        put_many(monitored.store, 2, "pacs")
        change(data_dir, "UPDATE delivery SET state = 'quEued' WHERE id = 1")
        with pytest.raises(IndexDamaged):
            monitored.store.deliveries.of_instance("1.2.3.4.1")
        assert "restart the node" in monitored.problem
        assert monitored.alarms == ["index_damaged"]
    with MonitoredStore(data_dir) as monitored:
        assert monitored.store.recovery.report.database_rebuilt
        assert (monitored.problem, monitored.alarms) == ("", [])


def test_what_cannot_be_asked_for_damage_is_told_as_such(
    monitored: MonitoredStore, data_dir: Path
) -> None:
    """Where the alarms themselves meet the damage, there is this one, and no failure."""
    change(data_dir, "UPDATE delivery SET acquired_at = 'x'")
    assert monitored.alarms == ["index_damaged"]
    assert "restart the node" in monitored.problem


def test_a_refused_write_makes_the_node_unready_until_one_is_durable(data_dir: Path) -> None:
    """Without any probe: the check says why, the alarm as well, and both go."""
    with MonitoredStore(data_dir) as monitored:
        checks = monitored.monitor.checks()
        assert checks["writes"]() == ""
        monitored.store.durability.refused(Kind.FILES, OutOfSpace("the disk refused a new file"))
        assert "the disk refused a new file" in checks["writes"]()
        assert "refusing" in monitored.alarms
        put(monitored.store, dataset(1))
        assert checks["writes"]() == ""
        assert "refusing" not in monitored.alarms


@pytest.mark.slow
def test_a_database_that_was_removed_makes_the_node_unready(data_dir: Path) -> None:
    """What is stored then is found again by the next start alone."""
    with MonitoredStore(data_dir) as monitored:
        (data_dir / "index.sqlite").unlink()
        monitored.store.prove_writable()
        assert "restart the node" in monitored.problem
        assert "index_gone" in monitored.alarms


def test_what_the_scrub_found_is_in_the_metrics(data_dir: Path) -> None:
    """Files read, found damaged, repaired; and what is damaged now."""
    with MonitoredStore(data_dir) as monitored:
        found = {
            metric.name: metric.samples[0].value
            for metric in monitored.monitor.collect()
            if metric.samples
        }
    assert found["echonode_scrub_files"] == 3
    assert found["echonode_scrub_damaged"] == 1
    assert found["echonode_damaged_files"] == found["echonode_instances_repaired"] == 0


class Connected:
    """A probe source that is connected and admitted."""

    name, refusal, capture = "handheld", "", None
    counts = SourceCounts(
        connected=True,
        connections=1,
        frames_received=1,
        dropped={},
        frames_partial=0,
        lines_missing=0,
        bytes_skipped=0,
        acquisitions=0,
    )


def test_a_disk_that_refuses_is_said_of_each_probe(data_dir: Path) -> None:
    """Connected is no comfort while nothing is recorded: status says so, for the page."""
    with MonitoredStore(data_dir, sources=[Connected()]) as monitored:
        assert monitored.monitor.status().probes[0].refusal == ""
        monitored.store.durability.refused(Kind.FILES, OutOfSpace("the disk refused a new file"))
        status = monitored.monitor.status()
        assert "the disk refused a new file" in status.refusing
        assert status.probes[0].refusal == status.refusing


@pytest.mark.slow
def test_readiness_costs_the_same_however_much_is_stored(
    monitored: MonitoredStore, data_dir: Path
) -> None:
    """A monitor asks every few seconds, and a node may hold a million instances that are done."""
    before = _steps_of_readiness(monitored)
    done = """
        WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 3000)
        INSERT INTO delivery (instance_id, destination, state, acquired_at, committed_at,
                              attempts, last_error, commitments_asked, commitments_failed)
        SELECT 1000 + n, 'pacs', 'committed', acquired_at, acquired_at, 1, '', 1, 0
        FROM numbers, delivery WHERE delivery.id = 1"""
    change(data_dir, done)
    assert sum(monitored.store.ledger.counts()["pacs"].values()) == 3002
    assert _steps_of_readiness(monitored) < before + 500


def _steps_of_readiness(monitored: MonitoredStore) -> int:
    """Steps of SQLite's virtual machine for one answer of /health/ready."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 100
        return 0

    def watched(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_progress_handler(step, 100)

    sa.event.listen(sa.pool.Pool, "checkout", watched)
    try:
        assert [check() for check in monitored.monitor.checks().values()] == ["", "", "", ""]
        assert monitored.alarms == []
    finally:
        sa.event.remove(sa.pool.Pool, "checkout", watched)
    return steps

"""What the node says of itself when its database turns out to be damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from echonode.config import parse
from echonode.delivery.standing import Standing
from echonode.errors import IndexDamaged
from echonode.intake import IntakeCounters
from echonode.node_parts import disk_admission
from echonode.scrubbing import ScrubCounters
from echonode.status import NodeReader
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, put_many

CONFIG = """
ae_title: ECHONODE
data_dir: {data_dir}
retention: {{minimum_free_percent: 0}}
peers:
  pacs: {{ae_title: PACS, host: 127.0.0.1, port: 4242, may: [echo, store, commit]}}
destinations:
  - {{peer: pacs, commitment: required}}
"""


class House:
    """A store, and the reader of a node that has nothing else; closed at the end of the block."""

    def __init__(self, data_dir: Path) -> None:
        config = parse(CONFIG.format(data_dir=data_dir), {})
        self.store = Store.open(data_dir, now=Clock())
        self.reader = NodeReader(
            config,
            store=self.store,
            sources=[],
            intake_counters=IntakeCounters,
            scrub_counters=lambda: ScrubCounters(files=3, damaged=1),
            active_associations=lambda: 0,
            standing_of=lambda name: Standing(),
            admission=disk_admission(config),
            call_back="AE ECHONODE at 127.0.0.1:11112",
            now=lambda: NOON,
        )

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @property
    def alarms(self) -> list[str]:
        return [alarm.name for alarm in self.reader.alarms()]

    @property
    def problem(self) -> str:
        return self.reader.checks()["store"]()


def change(data_dir: Path, statement: str) -> None:
    """What a failing disk may do, behind the store's back."""
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def house(data_dir: Path) -> Iterator[House]:
    with House(data_dir) as house:
        put_many(house.store, 2, "pacs")
        yield house


def test_a_sound_database_is_no_problem(house: House) -> None:
    """Ready, and no alarm."""
    assert (house.problem, house.alarms) == ("", [])


def test_damage_met_in_use_is_told_until_the_restart(data_dir: Path) -> None:
    """One damaged row, though all else can be read: not ready, with an alarm that says what to do;
    both are gone when the node was started again.
    """
    with House(data_dir) as house:
        put_many(house.store, 2, "pacs")
        change(data_dir, "UPDATE delivery SET state = 'quEued' WHERE id = 1")
        with pytest.raises(IndexDamaged):
            house.store.deliveries("1.2.3.4.1")
        assert "restart the node" in house.problem
        assert house.alarms == ["index_damaged"]
    with House(data_dir) as house:
        assert house.store.recovery.database_rebuilt
        assert (house.problem, house.alarms) == ("", [])


def test_what_cannot_be_asked_for_damage_is_told_as_such(house: House, data_dir: Path) -> None:
    """Where the alarms themselves meet the damage, there is this one, and no failure."""
    change(data_dir, "UPDATE delivery SET acquired_at = 'x'")
    assert house.alarms == ["index_damaged"]
    assert "restart the node" in house.problem

"""Every minute: the clock that cannot be set, old copies, and alarms reported once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from echonode.errors import IndexDamaged
from echonode.maintenance import housekeeping
from echonode.maintenance.housekeeping import Housekeeping
from echonode.model.identity import CommitmentPolicy
from echonode.store.retention.policy import LONGEST_STEP_S, RetentionPolicy
from echonode.store.store import Store
from echonode.web.health import Alarm
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import Clock, put_many

POLICY = RetentionPolicy(keep_s=3600, destinations={"pacs": CommitmentPolicy.REQUIRED})


class KeptStore:
    """A store, a clock of each kind, and the alarms that stand."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.seconds = 1000.0
        self.alarms: list[Alarm] = []
        self.keeping = Housekeeping(
            store,
            policy=POLICY,
            alarms=lambda: self.alarms,
            now=clock,
            monotonic=lambda: self.seconds,
        )

    def look_after(self, seconds: float) -> list[dict[str, Any]]:
        self.seconds += seconds
        self.clock.time += timedelta(seconds=seconds)
        with capture_logs() as logs:
            self.keeping.look()
        return [dict(entry) for entry in logs]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptStore]:
    clock = Clock()
    with Store.open(tmp_path / "var", now=clock) as store:
        yield KeptStore(store, clock)


@pytest.mark.slow
def test_the_observed_clock_adds_up_what_was_seen(kept: KeptStore) -> None:
    """Fractions are carried over, a leap counts as one long step, and steps back as none."""
    for seconds in (59.5, 60.5, 60.0):
        kept.look_after(seconds)
    assert kept.store.retention.observed_s() == 180
    kept.look_after(365 * 86_400)
    assert kept.store.retention.observed_s() == 180 + LONGEST_STEP_S
    kept.look_after(-500)
    assert kept.store.retention.observed_s() == 180 + LONGEST_STEP_S
    kept.look_after(60)
    assert kept.store.retention.observed_s() == 240 + LONGEST_STEP_S


@pytest.mark.slow
def test_a_restart_does_not_count(kept: KeptStore) -> None:
    """What passed while the node was down has not been seen."""
    kept.look_after(60)
    kept.seconds += 86_400
    again = Housekeeping(
        kept.store,
        policy=POLICY,
        alarms=list,
        now=kept.clock,
        monotonic=lambda: kept.seconds,
    )
    again.look()
    assert kept.store.retention.observed_s() == 60


@pytest.mark.slow
def test_old_copies_go_when_an_hour_has_been_watched(kept: KeptStore) -> None:
    """And the log names each; a year on the wall clock alone does nothing."""
    put_many(kept.store, 2, "pacs")
    commit_all(kept.store, kept.clock)
    kept.look_after(60)
    kept.clock.time += timedelta(days=365)
    assert kept.look_after(60) == []
    told = [entry for _ in range(60) for entry in kept.look_after(60)]
    assert [entry["event"] for entry in told] == ["instance_deleted"] * 2


@pytest.mark.slow
def test_an_alarm_is_logged_when_it_comes_and_when_it_goes(kept: KeptStore) -> None:
    """Not every minute, though its text changes."""
    kept.alarms = [Alarm(name="held:pacs", text="1 held")]
    [told] = kept.look_after(60)
    assert (told["event"], told["name"], told["text"]) == ("alarm_raised", "held:pacs", "1 held")
    kept.alarms = [Alarm(name="held:pacs", text="2 held")]
    assert kept.look_after(60) == []
    kept.alarms = []
    [told] = kept.look_after(60)
    assert (told["event"], told["name"]) == ("alarm_cleared", "held:pacs")


def test_an_alarm_is_told_also_when_the_database_fails(
    kept: KeptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps the rest of the round from being done is what a person has to hear of."""

    def fail(seconds: int) -> int:
        raise IndexDamaged("damaged")

    monkeypatch.setattr(kept.store.retention, "observe", fail)
    kept.alarms = [Alarm(name="index_damaged", text="restart")]
    with capture_logs() as logs, pytest.raises(IndexDamaged):
        kept.keeping.look()
    assert [(entry["event"], entry["name"]) for entry in logs] == [
        ("alarm_raised", "index_damaged")
    ]


@pytest.mark.slow
def test_one_look_does_not_take_the_database_for_itself(
    kept: KeptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand old copies go over several minutes, so that captures are stored meanwhile."""
    rounds = []

    def endless(policy: RetentionPolicy, *, now: object) -> list[object]:
        rounds.append(policy)
        return []

    monkeypatch.setattr(kept.store.retention, "recycle", endless)
    kept.look_after(60)
    assert len(rounds) == 1
    assert housekeeping._ROUNDS == 20

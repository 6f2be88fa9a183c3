"""The list is refreshed in the background, survives its RIS's absence, and knows its age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echonode.errors import AssociationLost, PeerUnreachable
from echonode.exam.worklist.refresh import WorklistPlan, WorklistRefresh, listed_on
from echonode.model.backoff import PEER_STEPS_S
from echonode.model.identity import CallBackAddress
from echonode.model.worklist_item import WorklistSource
from echonode.store.store import Store
from tests.unit.exam.worklist.answers import answer
from tests.unit.exam.worklist.scripted_ris import ScriptedRis, many, scu_of

US = CallBackAddress(ae_title="ECHONODE", host="10.0.0.5", port=11112)
PLAN = WorklistPlan(station_ae_titles=("US1",), modality="US", period_s=120.0)
TODAY = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = TODAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with Store.open(tmp_path, now=clock) as opened:
        yield opened


def refresh(
    ris: ScriptedRis, store: Store, clock: Clock, plan: WorklistPlan = PLAN
) -> WorklistRefresh:
    return WorklistRefresh(
        scu_of(ris),
        plan=plan,
        items=store.worklist,
        notes=store.key_value,
        us=US,
        now=clock,
        local_now=clock,
        random=lambda: 0.0,
    )


def shown(store: Store) -> list[str]:
    return sorted(i.accession_number.value for i in listed_on(store.worklist, "20261120"))


def test_what_the_ris_names_is_shown_and_what_it_names_no_more_is_not(
    store: Store, clock: Clock
) -> None:
    """An exam that has the item still finds it by its id."""
    ris = ScriptedRis(answers=many(3))
    background = refresh(ris, store, clock)
    assert background.look() == PLAN.period_s
    assert shown(store) == ["A0", "A1", "A2"]
    gone = listed_on(store.worklist, "20261120")[0].id
    ris.answers = ris.answers[1:]
    background.look()
    assert shown(store) == ["A1", "A2"]
    assert store.worklist.item(gone) is not None


def test_each_station_is_asked_for_itself(store: Store, clock: Clock) -> None:
    """AE titles are matched one by one (PS3.4 table K.6-1); their lists are one list."""
    ris = ScriptedRis(answers=many(2))
    plan = WorklistPlan(station_ae_titles=("US1", "US2"), modality="US", days_before=1)
    refresh(ris, store, clock, plan).look()
    steps = [query.ScheduledProcedureStepSequence[0] for query in ris.queries]
    assert [step.ScheduledStationAETitle for step in steps] == ["US1", "US2"]
    assert {step.ScheduledProcedureStepStartDate for step in steps} == {"20261119-20261120"}
    assert shown(store) == ["A0", "A1"]


def test_a_ris_out_of_reach_leaves_the_list_as_it_was(store: Store, clock: Clock) -> None:
    """With its age, the reason and what to do."""
    ris = ScriptedRis(answers=many(2))
    background = refresh(ris, store, clock)
    background.look()
    ris.fails = PeerUnreachable("connection refused")
    clock.now += timedelta(hours=3)
    background.look()
    assert shown(store) == ["A0", "A1"]
    assert background.status.age_s(clock.now) == 3 * 3600
    assert "connection refused" in background.status.problem
    assert "peers.ris.host" in background.status.problem


def test_the_list_and_its_age_outlive_a_restart_without_a_ris(tmp_path: Path, clock: Clock) -> None:
    """A portable is switched on where no RIS is."""
    with Store.open(tmp_path / "s", now=clock) as first:
        refresh(ScriptedRis(answers=many(2)), first, clock).look()
    clock.now += timedelta(hours=5)
    with Store.open(tmp_path / "s", now=clock) as second:
        away = refresh(ScriptedRis(fails=PeerUnreachable("no route")), second, clock)
        away.look()
        assert shown(second) == ["A0", "A1"]
        assert away.status.age_s(clock.now) == 5 * 3600


def test_a_list_that_broke_off_withdraws_nothing(store: Store, clock: Clock) -> None:
    """What came of it is new all the same."""
    ris = ScriptedRis(answers=many(2))
    background = refresh(ris, store, clock)
    background.look()
    ris.answers = [answer(AccessionNumber="NEW")]
    ris.final = 0xC001
    background.look()
    assert shown(store) == ["A0", "A1"]
    plan = WorklistPlan(station_ae_titles=("US1", "US2"), modality="US")
    ris.final = 0x0000
    both = refresh(ris, store, clock, plan)

    def second_is_lost() -> None:
        if len(ris.queries) > 4:
            raise AssociationLost("gone")

    ris.before_answer = second_is_lost
    ris.queries.clear()
    ris.queries += [answer()] * 3
    both.look()
    assert shown(store) == ["A0", "A1", "NEW"]


def test_failures_are_waited_out_ever_longer_and_never_longer_than_the_period(
    store: Store, clock: Clock
) -> None:
    """A RIS that restarts is asked within seconds."""
    background = refresh(ScriptedRis(fails=PeerUnreachable("x")), store, clock)
    waits = [background.look() for _ in range(8)]
    assert waits[:5] == list(PEER_STEPS_S[:5])
    assert waits[5:] == [PLAN.period_s] * 3


def test_an_unchanged_list_is_not_written_again(store: Store, clock: Clock) -> None:
    """An SD card would wear out on it."""
    ris = ScriptedRis(answers=many(2))
    background = refresh(ris, store, clock)
    background.look()
    first = store.worklist.fetched_at(WorklistSource.RIS)
    clock.now += timedelta(minutes=2)
    background.look()
    assert store.worklist.fetched_at(WorklistSource.RIS) == first
    assert background.status.age_s(clock.now) == 0


def test_what_a_person_entered_is_not_touched(store: Store, clock: Clock) -> None:
    """Nor what another source ordered."""
    [item] = scu_of(ScriptedRis(answers=many(1))).fetch(PLAN.queries(TODAY)[0]).items
    entered = replace(item, id="entered-1", source=WorklistSource.ENTERED, source_name="")
    store.worklist.put([entered])
    refresh(ScriptedRis(answers=[]), store, clock).look()
    assert [found.id for found in store.worklist.items()] == ["entered-1"]


def test_the_thread_looks_when_asked_and_stops_in_time(store: Store, clock: Clock) -> None:
    """A person who waits for a new order need not wait for the period."""
    ris = ScriptedRis(answers=many(1))
    background = refresh(ris, store, clock)
    background.start()
    assert background.refresh_now(patience_s=10).items >= 0
    ris.answers = many(2)
    background.refresh_now(patience_s=10)  # of a look that began before, perhaps
    assert background.refresh_now(patience_s=10).items == 2
    assert background.stop(10.0)
    assert shown(store) == ["A0", "A1"]

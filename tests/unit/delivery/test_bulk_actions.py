"""hold, release and retry of many: each told for itself, and a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.delivery import bulk_actions
from echonode.delivery.bulk_actions import BulkOutcome, Chosen, act_on_many
from echonode.model.delivery import DeliveryEvent
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, put_many


class Desk:
    """A store with three images that are to go to two archives, and a person's actions on it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.uids = put_many(store, 3, "backup", "pacs")
        self.called: list[str] = []

    def act(self, action: str, chosen: Chosen) -> BulkOutcome:
        return act_on_many(
            self.store,
            action,
            chosen,
            ae_titles={"pacs": "PACS", "backup": "BACKUP"},
            now=lambda: NOON,
            call_now=self.called.append,
        )

    def states(self, destination: str = "pacs") -> list[str]:
        return [
            str(row.state) for row in self.store.ledger.rows() if row.destination == destination
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        yield Desk(opened)


def test_each_of_a_selection_is_told(desk: Desk) -> None:
    """One that is refused does not keep the others from being done."""
    outcome = desk.act("hold", Chosen(uids=[desk.uids[0], "1.2.9", desk.uids[2]]))
    assert [bool(each.error) for each in outcome.results] == [False, True, False]
    assert "no delivery of 1.2.9" in outcome.results[1].error
    assert desk.states() == desk.states("backup") == ["held", "queued", "held"]


def test_everything_of_an_archive_is_done_in_bounded_parts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller goes on with `next` until there is none."""
    monkeypatch.setattr(bulk_actions, "MOST_AT_ONCE", 2)
    first = desk.act("hold", Chosen(destination="pacs"))
    assert (len(first.results), desk.states()) == (2, ["held", "held", "queued"])
    assert first.next is not None
    second = desk.act("hold", Chosen(destination="pacs", after=first.next))
    assert (len(second.results), second.next, desk.states()) == (1, None, ["held"] * 3)
    assert desk.states("backup") == ["queued"] * 3


def test_what_is_refused_is_met_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Being sent, it cannot be held; the parts end all the same."""
    monkeypatch.setattr(bulk_actions, "MOST_AT_ONCE", 2)
    desk.store.deliveries.claim("pacs", now=NOON, limit=3)
    after, told = 0, 0
    while True:
        outcome = desk.act("hold", Chosen(destination="pacs", after=after))
        told += len(outcome.results)
        assert all("being sent just now" in each.error for each in outcome.results)
        if outcome.next is None:
            break
        after = outcome.next
    assert told == 3


def test_one_reason_is_released_and_the_others_stay(desk: Desk) -> None:
    """What the archive refused, and not what a person holds."""
    desk.store.operator.hold(desk.uids[0], now=NOON, destination="pacs")
    for job in desk.store.deliveries.claim("pacs", now=NOON, limit=9):
        words = "the data set does not match its SOP class"
        desk.store.deliveries.record_attempt(
            job.id, DeliveryEvent.HOLD, now=NOON, status=0xA900, error=words
        )
    outcome = desk.act("release", Chosen(destination="pacs", reason="status:A900"))
    assert (len(outcome.results), desk.states()) == (2, ["held", "queued", "queued"])


@pytest.mark.slow
def test_a_study_is_meant_at_all_its_archives(desk: Desk) -> None:
    """Each delivery is named with its archive."""
    outcome = desk.act("hold", Chosen(study_instance_uid="1.2.3.1"))
    assert {each.destination for each in outcome.results} == {"pacs", "backup"}
    assert desk.states() == desk.states("backup") == ["held"] * 3


def test_a_retry_of_an_archive_calls_it_though_nothing_is_due(desk: Desk) -> None:
    """A person wants to see whether it answers now."""
    desk.act("hold", Chosen(destination="pacs"))
    assert desk.called == []
    desk.act("retry", Chosen(destination="backup", after=10_000))
    assert desk.called == ["backup"]

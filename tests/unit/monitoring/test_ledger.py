"""`echonode ledger`: what a pipe and a terminal get of it, and which rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.commands.operate import uids_in
from echonode.model.delivery import DeliveryState
from echonode.monitoring.ledger import COLUMNS, print_json, print_rows
from echonode.store.store import Store
from echonode.store.values import LedgerChoice
from tests.unit.store.retention.test_deletion import commit_all, days_pass, recycle
from tests.unit.store.samples import NOON, Clock, put_many


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three instances for two archives; the second is held at one of them."""
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        put_many(opened, 3, "backup", "pacs")
        opened.operator.hold("1.2.3.4.2", now=NOON, destination="pacs")
        yield opened


def table(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split("\t") == list(COLUMNS)
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines]


def test_a_pipe_gets_whole_fields(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Tab-separated, a row a line, UID and study whole, however narrow the terminal was."""
    print_rows(store.data_dir)
    rows = table(capsys)
    assert len(rows) == 6
    assert {row["sop_instance_uid"] for row in rows} == {f"1.2.3.4.{n}" for n in (1, 2, 3)}
    assert {row["study_instance_uid"] for row in rows} == {"1.2.3.1"}


@pytest.mark.parametrize(
    ("choice", "count"),
    [
        (LedgerChoice(state=DeliveryState.HELD), 1),
        (LedgerChoice(state=DeliveryState.CAPTURED), 0),
        (LedgerChoice(study_instance_uid="1.2.3.1"), 6),
        (LedgerChoice(study_instance_uid="1.2.9"), 0),
        (LedgerChoice(state=DeliveryState.QUEUED, study_instance_uid="1.2.3.1"), 5),
        (LedgerChoice(last=2), 2),
        (LedgerChoice(last=1, state=DeliveryState.HELD), 1),
    ],
)
def test_rows_are_chosen(
    store: Store, capsys: pytest.CaptureFixture[str], choice: LedgerChoice, count: int
) -> None:
    """By state, by study, the newest; for people and for programs alike."""
    print_rows(store.data_dir, choice)
    assert len(table(capsys)) == count
    print_json(store.data_dir, choice)
    assert len(json.loads(capsys.readouterr().out)) == count


def test_the_newest_come_first(store: Store) -> None:
    """`--last 2` is the instance stored last, at both of its archives."""
    assert [row.sop_instance_uid for row in store.ledger.rows(LedgerChoice(last=2))] == [
        "1.2.3.4.3"
    ] * 2


@pytest.mark.slow
def test_deleted_instances_are_chosen_as_well(tmp_path: Path) -> None:
    """Their rows go on to be shown, and the filters apply to them."""
    clock = Clock()
    with Store.open(tmp_path / "var", now=clock) as store:
        put_many(store, 2, "pacs")
        commit_all(store, clock)
        days_pass(store, 2)
        assert len(recycle(store, clock)) == 2
        assert len(list(store.ledger.rows(LedgerChoice(state=DeliveryState.COMMITTED)))) == 2
        assert len(list(store.ledger.rows(LedgerChoice(study_instance_uid="1.2.3.1", last=1)))) == 1
        assert not list(store.ledger.rows(LedgerChoice(state=DeliveryState.SENT)))
        assert not list(store.ledger.rows(LedgerChoice(study_instance_uid="1.2.9")))


def test_a_terminal_shows_whole_uids_and_reasons(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 40 columns each UID is whole, on a line of its own, and the reason is not broken up."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    print_rows(store.data_dir, LedgerChoice(state=DeliveryState.HELD))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "Study 1.2.3.1" in lines
    assert "1.2.3.4.2" in lines
    assert "held by the operator" in lines


def test_its_output_is_what_the_commands_on_many_read(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """`echonode ledger --state held | echonode release -`."""
    print_rows(store.data_dir, LedgerChoice(state=DeliveryState.HELD))
    assert uids_in(capsys.readouterr().out.splitlines(keepends=True)) == ("1.2.3.4.2",)
    assert uids_in(["1.2.3\n", "\n", "1.2.4 x\n", "1.2.3\n"]) == ("1.2.3", "1.2.4")

"""An exam outlives any stop, and moves only by its table."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path

import pytest

from echonode.errors import IllegalTransition, OperatorRefused, UsageError
from echonode.model.exam_state import ExamEvent, Identity, Progress
from echonode.model.patient import Patient
from echonode.store.store import Store
from tests.unit.store.exams.test_worklist_items import FULL
from tests.unit.store.samples import NOON, Clock

JANE = Patient(id="P1", name="Doe^Jane")
LOCAL = NOON.astimezone(timezone(timedelta(hours=2)))


def test_an_exam_comes_back_as_it_was(data_dir: Path) -> None:
    """Patient, order and the study's offset from UTC are there after a restart."""
    with Store.open(data_dir, now=Clock()) as store:
        made = store.exams.open(
            "hand", at=LOCAL, held=True, patient=FULL.patient, worklist_item=FULL
        )
    with Store.open(data_dir, now=Clock()) as store:
        assert store.exams.exam(made.id) == made
        assert made.opened_at.utcoffset() == timedelta(hours=2)
        assert made.study_instance_uid == FULL.study_instance_uid


def test_a_probe_has_one_open_exam(store: Store) -> None:
    """The second is refused, and names the first; another probe has its own."""
    first = store.exams.open("hand", at=LOCAL, held=True)
    with pytest.raises(OperatorRefused, match=first.id):
        store.exams.open("hand", at=LOCAL, held=True)
    store.exams.open("cart", at=LOCAL, held=True)
    store.exams.apply(first.id, ExamEvent.ENDED, at=LOCAL)
    second = store.exams.open("hand", at=LOCAL, held=True)
    assert store.exams.open_of_probe("hand") == second
    assert second.study_instance_uid != first.study_instance_uid


def test_its_history_is_kept(store: Store) -> None:
    """Every event, with the state after it."""
    made = store.exams.open("hand", at=LOCAL, held=True)
    store.exams.apply(made.id, ExamEvent.IDENTIFIED, at=LOCAL, patient=JANE)
    ended = store.exams.apply(made.id, ExamEvent.ENDED, at=LOCAL, detail={"by": "person"})
    assert (ended.state.progress, ended.state.identity) == (Progress.ENDED, Identity.IDENTIFIED)
    history = store.exams.events(made.id)
    assert [each.event for each in history] == ["opened", "identified", "ended"]
    assert history[-1].detail == '{"by": "person"}'
    assert history[-1].state == ended.state


def test_an_illegal_event_changes_nothing(store: Store) -> None:
    """Neither the exam nor its history."""
    made = store.exams.open("hand", at=LOCAL, held=True)
    with pytest.raises(IllegalTransition):
        store.exams.apply(made.id, ExamEvent.CORRECTED, at=LOCAL)
    assert store.exams.exam(made.id) == made
    assert len(store.exams.events(made.id)) == 1
    with pytest.raises(UsageError):
        store.exams.apply("E99999999", ExamEvent.ENDED, at=LOCAL)

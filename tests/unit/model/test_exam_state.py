"""The life of an exam is one table, and nothing outside of it happens."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from echonode.errors import IllegalTransition
from echonode.model.exam_state import (
    STATES,
    TRANSITIONS,
    ExamEvent,
    ExamState,
    Identity,
    Progress,
    after,
    opened,
)
from tests.peers.node_process import ROOT


def test_every_other_pair_is_refused() -> None:
    """Total: each state and event has a row, or raises and changes nothing."""
    for state, event in itertools.product(STATES, ExamEvent):
        if (state, event) in TRANSITIONS:
            assert after(state, event) is TRANSITIONS[state, event]
        else:
            with pytest.raises(IllegalTransition, match=f"{state} cannot take {event}"):
                after(state, event)


def test_every_state_that_can_be_reached_is_in_the_table() -> None:
    """And no row leads from a state that nothing leads to."""
    reached = {opened(identified=False), opened(identified=True)}
    while more := {TRANSITIONS[s, e] for s, e in TRANSITIONS if s in reached} - reached:
        reached |= more
    assert {state for state, _ in TRANSITIONS} == reached


def test_a_patient_is_never_lost_again() -> None:
    """No event makes an exam unidentified that had its patient."""
    for (before, _), state in TRANSITIONS.items():
        if before.identity is not Identity.UNIDENTIFIED:
            assert state.identity is not Identity.UNIDENTIFIED


def test_an_exam_is_named_once() -> None:
    """A second patient for the same exam is a correction, which archives have to learn of."""
    for progress in Progress:
        named = ExamState(progress=progress, identity=Identity.IDENTIFIED)
        assert (named, ExamEvent.IDENTIFIED) not in TRANSITIONS


def test_every_state_takes_a_capture() -> None:
    """What was taken before the end may become durable after it, and is not lost."""
    for state, _ in TRANSITIONS:
        assert after(state, ExamEvent.CAPTURED).identity is state.identity


def test_the_document_draws_the_table() -> None:
    """docs/exams.md shows the states as they are; `tools/draw-exam-states.py docs/exams.md`."""
    drawn = subprocess.run(
        [sys.executable, "tools/draw-exam-states.py", "docs/exams.md", "--check"],
        cwd=ROOT,
        check=False,
    )
    assert drawn.returncode == 0

"""A procedure step's states, and which message is due."""

from __future__ import annotations

import itertools

import pytest

from echonode.errors import IllegalTransition
from echonode.model.procedure_step import (
    DUE,
    TRANSITIONS,
    StepEvent,
    StepMessage,
    StepState,
    after,
    message_due,
)

FINAL = (StepState.COMPLETED, StepState.DISCONTINUED)


def test_nothing_happens_after_the_end() -> None:
    """PS3.4 F.7.2.2.2: a step that is completed or discontinued is never changed."""
    for state, event in itertools.product(FINAL, StepEvent):
        with pytest.raises(IllegalTransition):
            after(state, event)


def test_every_pair_is_in_the_table_or_illegal() -> None:
    """A step in progress takes every event."""
    assert {event for state, event in TRANSITIONS if state is StepState.IN_PROGRESS} == {*StepEvent}


def test_the_peer_is_always_told_of_the_beginning_first() -> None:
    """Whatever the step has become meanwhile."""
    for state in StepState:
        assert message_due(state, None) is StepMessage.CREATE
        assert message_due(state, state) is None
    for state in FINAL:
        assert message_due(state, StepState.IN_PROGRESS) is StepMessage.FINAL


def test_what_never_was_cannot_have_been_acknowledged() -> None:
    """The rows of the table are all that can be; any other says that the database is wrong."""
    for pair in itertools.product(StepState, [None, *StepState]):
        if pair not in DUE:
            with pytest.raises(IllegalTransition):
                message_due(*pair)


def test_states_are_written_as_the_standard_has_them() -> None:
    """PS3.3 C.4.14."""
    assert [state.defined_term for state in StepState] == [
        "IN PROGRESS",
        "COMPLETED",
        "DISCONTINUED",
    ]

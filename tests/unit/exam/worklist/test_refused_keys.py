"""Which keys a server refuses is found by few queries, and remembered."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from echonode.exam.worklist.query import OPTIONAL_KEYS
from echonode.exam.worklist.refused_keys import MOST_TRIALS, RefusedKeys, refused_among
from tests.support.memory_key_value import MemoryKeyValue

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_exactly_the_refused_keys_are_found(count: int) -> None:
    """Whichever they are; and with fewer queries than are allowed."""
    for seed in range(50):
        refused = frozenset(random.Random(seed).sample(OPTIONAL_KEYS, count))
        asked: list[Sequence[str]] = []

        def accepts(
            keys: Sequence[str],
            refused: frozenset[str] = refused,
            asked: list[Sequence[str]] = asked,
        ) -> bool:
            asked.append(keys)
            return not refused & set(keys)

        assert refused_among(OPTIONAL_KEYS, accepts) == refused
        assert len(asked) <= MOST_TRIALS


def test_a_server_that_refuses_every_key_is_asked_a_bounded_number_of_times() -> None:
    """What is not cleared by then is left out."""
    asked = []

    def accepts(keys: Sequence[str]) -> bool:
        asked.append(keys)
        return False

    assert refused_among(OPTIONAL_KEYS, accepts, most_trials=10) == frozenset(OPTIONAL_KEYS)
    assert len(asked) == 10


def test_too_many_keys_at_once_are_made_fewer() -> None:
    """A server that takes ten and no more is asked for ten at most."""
    left = set(OPTIONAL_KEYS) - refused_among(OPTIONAL_KEYS, lambda keys: len(keys) <= 25)
    assert 0 < len(left) <= 25


def test_what_was_found_is_remembered_for_each_peer_and_for_a_week() -> None:
    """A restart asks rightly at once; an updated server is asked for everything again."""
    notes = MemoryKeyValue()
    keys = frozenset({"EthnicGroup", "PatientState"})
    RefusedKeys(notes, "ris", now=lambda: NOW).remember(keys)
    for later, expected in (
        (timedelta(), keys),
        (timedelta(days=6), keys),
        (timedelta(days=8), frozenset()),
        (timedelta(days=-1), frozenset()),
    ):
        moment = NOW + later
        again = RefusedKeys(notes, "ris", now=lambda moment=moment: moment)  # type: ignore[misc]
        assert again.left_out() == expected
    assert RefusedKeys(notes, "other", now=lambda: NOW).left_out() == frozenset()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": 5, "at": "x"}', '{"at": 7}'])
def test_a_note_that_is_none_is_nothing_remembered(text: str) -> None:
    """It is found out again."""
    notes = MemoryKeyValue()
    notes.texts["worklist_refused_keys ris"] = text
    assert RefusedKeys(notes, "ris", now=lambda: NOW).left_out() == frozenset()

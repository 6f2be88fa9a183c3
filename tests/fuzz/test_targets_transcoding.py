"""The quick tier of the targets: good bytes, good bytes damaged a little, and noise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets_transcoding import SEEDS, TARGETS, Target
from tests.support.examples import examples
from tests.unit.probe.test_fuzz import damaged

EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # on what values are


@EACH
def test_good_bytes_are_a_good_seed(target: Target) -> None:
    """The undamaged bytes pass their own target."""
    target(SEEDS[target])


@EACH
def test_damage_is_refused_or_survived(target: Target) -> None:
    """300 damaged inputs: each is read, or refused by the error that says so."""
    chance = random.Random(43)
    for _ in range(300):
        target(damaged(SEEDS[target], chance))


@EACH
@settings(max_examples=examples(100))
@given(data=st.binary(max_size=2000))
def test_noise_is_refused_or_survived(target: Target, data: bytes) -> None:
    """Bytes of nothing at all: the same."""
    target(data)

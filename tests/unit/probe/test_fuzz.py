"""The quick tier of the fuzz targets: good streams that are damaged a little, and plain noise."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.probe.fuzz_targets import SEEDS

TARGETS = pytest.mark.parametrize("target", SEEDS, ids=lambda target: target.__name__)
Target = Callable[[bytes], None]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, lost, doubled or added, or a length of 4 GiB put somewhere."""
    stream = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(stream))
        length = chance.choice((1, 1, 2, 4, 60))
        match chance.randrange(5):
            case 0:
                stream[place : place + length] = chance.randbytes(length)
            case 1:
                del stream[place : place + length]
                stream += b"\0" if not stream else b""
            case 2:
                stream[place:place] = stream[place : place + length]
            case 3:
                stream[place:place] = chance.randbytes(length)
            case _:
                stream[place : place + 4] = b"\xff\xff\xff\xff"
    return bytes(stream)


@TARGETS
def test_a_good_stream_is_a_good_seed(target: Target) -> None:
    """The undamaged stream passes its own target."""
    target(SEEDS[target])


@pytest.mark.slow
@TARGETS
def test_damage_is_told_or_survived(target: Target) -> None:
    """300 damaged streams: each is parsed or refused by the protocol's error."""
    chance = random.Random(41)
    for _ in range(300):
        target(damaged(SEEDS[target], chance))


@TARGETS
@settings(max_examples=examples(100))
@given(data=st.binary(max_size=3000))
def test_noise_is_refused_or_survived(target: Target, data: bytes) -> None:
    """Bytes of no probe at all: the same."""
    target(data)

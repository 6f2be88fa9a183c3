"""What a fuzz target is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fuzz.mutation import Cut, whole


@dataclass(frozen=True, kw_only=True)
class Target:
    """run: takes any bytes, and raises where its invariant is broken; seeds: good inputs;
    cut: their pieces; close: ends what `run` keeps between inputs."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    cut: Cut = whole
    close: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def invariant(self) -> str:
        """The first line of its docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]

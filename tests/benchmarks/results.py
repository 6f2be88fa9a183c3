"""What a benchmark found, as values, and the form in which it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Better(StrEnum):
    """Which way a figure improves."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A bound to reach: on the ratio to every peer of the row, or on EchoNode's own figure.

    at_least: the smallest ratio. below: the figure that EchoNode must stay under. reach: the
    figure that EchoNode must come to. One of them, or at_least and reach: then one is enough.
    """

    at_least: float | None = None
    below: float | None = None
    reach: float | None = None

    @property
    def number(self) -> float:
        """The bound itself, for the JSON file; of two, the ratio."""
        bounds = (self.at_least, self.below, self.reach)
        return next(bound for bound in bounds if bound is not None)

    def __str__(self) -> str:
        bounds = ((">= {:g} x", self.at_least), ("< {:g}", self.below), (">= {:g}", self.reach))
        return " or ".join(words.format(bound) for words, bound in bounds if bound is not None)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One benchmark's medians. None stands for a contender that could not do the work.

    failures: contender -> why, in its own words.
    """

    name: str
    unit: str
    better: Better
    echonode: float | None
    peers: Mapping[str, float | None]
    goal: Goal | None = None
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def ratio(self) -> dict[str, float]:
        """Peer -> how many times better EchoNode is."""
        return {
            name: self._ratio(value)
            for name, value in self.peers.items()
            if value is not None and self.echonode is not None
        }

    def _ratio(self, peer: float) -> float:
        assert self.echonode is not None
        over, under = self.echonode, peer
        if self.better is Better.LOWER:
            over, under = under, over
        return over / under if under > 0 else float("inf")

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        if self.echonode is None:
            return False
        if self.goal.below is not None:
            return self.echonode < self.goal.below
        if self.goal.reach is not None and self.echonode >= self.goal.reach:
            return True
        ratios = self.ratio.values()
        at_least = self.goal.at_least
        return at_least is not None and bool(ratios) and min(ratios) >= at_least

    def as_json(self) -> dict[str, Any]:
        """Name, unit, better, echonode, peers, ratio, goal, met: the form that is promised.

        goal is the bound alone: on every ratio of the row, but where the row has no peer, or the
        unit is ms, MiB or % of a core, on EchoNode's own figure. null stands for what could not be
        measured.
        """
        return {
            "name": self.name,
            "unit": self.unit,
            "better": str(self.better),
            "echonode": _rounded(self.echonode),
            "peers": {name: _rounded(value) for name, value in self.peers.items()},
            "ratio": {name: _rounded(value) for name, value in self.ratio.items()},
            "goal": None if self.goal is None else self.goal.number,
            "met": self.met,
        }


def _rounded(value: float | None) -> float | None:
    """Four significant digits; JSON has no infinity."""
    if value is None or value == float("inf"):
        return None
    return float(f"{value:.4g}")

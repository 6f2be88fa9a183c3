"""A transition table as a Mermaid state diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


def state_diagram(transitions: Mapping[tuple[State, Event], State], *, first: Sequence[str]) -> str:
    """first: the states that something begins in."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in first]
    events: dict[tuple[str, str], list[str]] = {}
    for (state, event), after in transitions.items():
        events.setdefault((state.value, after.value), []).append(event.value)
    lines += [
        f"    {state} --> {after}: {', '.join(names)}" for (state, after), names in events.items()
    ]
    return "\n".join([*lines, "```"])

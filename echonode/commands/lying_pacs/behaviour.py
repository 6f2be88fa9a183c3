"""What a behaviour is: a name, a sentence, parameters, and the change that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from echonode.commands.lying_pacs.conduct import Conduct, When

Value = int | float | str
Values = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """name=value behind a behaviour; a status or a reason is written in four hexadecimal digits.

    default: its type is the parameter's. hexadecimal: how it is written. least: of a number.
    """

    name: str
    sentence: str
    default: Value
    hexadecimal: bool = False
    least: float = 0


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One thing that an archive does. service: what of it is changed, for the list."""

    name: str
    service: str
    sentence: str
    change: Callable[[Conduct, Values], Conduct]
    parameters: tuple[Parameter, ...] = ()


_FIRST = Parameter(name="first", sentence="The number of the first one.", default=1, least=1)
_COUNT = Parameter(name="count", sentence="How many; 0 for all that follow.", default=0)
_EVERY = Parameter(name="every", sentence="Only every Nth of them.", default=1, least=1)
_SECONDS = Parameter(
    name="seconds", sentence="Only so long after the start; 0 for no limit.", default=0.0
)
SOME = (_FIRST, _COUNT, _EVERY, _SECONDS)


def an_hour(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The same, with an hour as the usual time."""
    return tuple(replace(p, default=3600.0) if p is _SECONDS else p for p in parameters)


def when(values: Values) -> When:
    return When(
        first=int(values["first"]),
        count=int(values["count"]),
        every=int(values["every"]),
        seconds=float(values["seconds"]),
    )


STATUS = Parameter(name="status", sentence="Status, hexadecimal.", default=0xA700, hexadecimal=True)


def simple(
    service: str,
    name: str,
    sentence: str,
    change: Callable[[Conduct, Values], Conduct],
    *parameters: Parameter,
) -> Behaviour:
    """One that changes the conduct as a whole."""
    return Behaviour(
        name=name, service=service, sentence=sentence, change=change, parameters=parameters
    )

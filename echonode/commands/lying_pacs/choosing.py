"""From words on a command line to a conduct: `NAME` or `NAME:KEY=VALUE,KEY=VALUE`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from echonode.commands.lying_pacs.behaviour import SOME, Behaviour, Parameter, Value
from echonode.commands.lying_pacs.behaviours import BEHAVIOURS, BY_NAME
from echonode.commands.lying_pacs.conduct import Conduct
from echonode.errors import UsageError

_SELECTIVE = ", ".join(
    behaviour.name
    for behaviour in BEHAVIOURS
    if behaviour.service == "association" and set(SOME) <= set(behaviour.parameters)
)


def conduct_of(words: Iterable[str], *, start: Conduct | None = None) -> Conduct:
    """The behaviours combined, in the order in which they are given. Raises UsageError."""
    conduct = start or Conduct()
    for word in words:
        name, _, given = word.partition(":")
        behaviour = BY_NAME.get(name)
        if behaviour is None:
            raise UsageError(f"{name!r} is not a behaviour{_near(name)}; --list shows all")
        conduct = behaviour.change(conduct, _values(behaviour, given))
    return conduct


def own_parameters(behaviour: Behaviour) -> str:
    """NAME=DEFAULT of each parameter that the others of its kind do not have alike."""
    return ", ".join(
        f"{parameter.name}={_written(parameter)}"
        for parameter in behaviour.parameters
        if parameter not in SOME
    )


def shared_parameters() -> list[str]:
    """A line for each parameter of SOME."""
    return [f"  {f'{p.name}={_written(p)}':<25} {p.sentence}" for p in SOME]


def listing() -> list[str]:
    """The lines of `--list`."""
    lines = []
    for service in dict.fromkeys(behaviour.service for behaviour in BEHAVIOURS):
        lines += ["", f"{service}"]
        for behaviour in BEHAVIOURS:
            if behaviour.service == service:
                lines.append(f"  {behaviour.name:<25} {behaviour.sentence}")
                if own := own_parameters(behaviour):
                    lines.append(f"  {'':<25}   with {own}")
    lines += ["", f"parameters of each behaviour of storage, and of {_SELECTIVE}"]
    return [*lines[1:], *shared_parameters()]


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, BY_NAME, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _written(parameter: Parameter) -> str:
    if parameter.hexadecimal:
        return f"{parameter.default:04X}"
    if isinstance(parameter.default, float):
        return f"{parameter.default:g}"
    return str(parameter.default)


def _values(behaviour: Behaviour, given: str) -> dict[str, Value]:
    known = {parameter.name: parameter for parameter in behaviour.parameters}
    values = {name: parameter.default for name, parameter in known.items()}
    for pair in filter(None, given.split(",")):
        name, _, value = pair.partition("=")
        if name not in known:
            names = ", ".join(known) or "no parameter"
            raise UsageError(f"{behaviour.name}: {name!r} is not a parameter; it has {names}")
        values[name] = _read(behaviour, known[name], value)
    return values


def _read(behaviour: Behaviour, parameter: Parameter, value: str) -> Value:
    """Raises UsageError."""
    try:
        read = _parsed(parameter, value)
    except ValueError:
        read = None
    if read is None or (not isinstance(read, str) and read < parameter.least):
        least = f" of at least {parameter.least:g}" if parameter.least else ""
        kind = "four hexadecimal digits" if parameter.hexadecimal else f"a number{least}"
        raise UsageError(f"{behaviour.name}: {parameter.name}={value} is not {kind}")
    return read


def _parsed(parameter: Parameter, value: str) -> Value:
    """Raises ValueError."""
    if parameter.hexadecimal:
        number = int(value, 16)
        if not 0 <= number <= 0xFFFF:
            raise ValueError(value)
        return number
    kind = type(parameter.default)
    read: Value = kind(value)
    if isinstance(read, float) and not 0 <= read < float("inf"):
        raise ValueError(value)
    return read

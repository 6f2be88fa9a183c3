"""Values of the environment laid over those of the file.

Rules
- ECHONODE__section__key=value wins over the file; an entry of a list goes by its number, from 0.
  The value is read as YAML: 104 is a number and [echo] a list.
- A variable that fits nowhere is a fault, named by the variable. One with a single underscore
  (ECHONODE_ae_title) overrides nothing, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from echonode.config.yaml_tree import Location, read_value
from echonode.errors import ConfigFault

_PREFIX = "ECHONODE__"
_HALF_PREFIX = "ECHONODE_"
_REMEDY = "Write ECHONODE__section__key, and an entry of a list by its number from 0."


def override(
    tree: dict[str, Any], environ: Mapping[str, str]
) -> tuple[dict[Location, str], list[ConfigFault]]:
    """Lay the variables over `tree`, in place.

    Returns (the variable of each place that was overridden, the variables that do not fit).
    """
    places: dict[Location, str] = {}
    faults = []
    for variable in sorted(name for name in environ if name.startswith(_PREFIX)):
        parts = variable.removeprefix(_PREFIX).split("__")
        try:
            places[_lay(tree, parts, read_value(environ[variable]))] = variable
        except ValueError as error:
            faults.append(ConfigFault(path=variable, problem=str(error), remedy=_REMEDY))
        except (IndexError, TypeError, AttributeError):
            faults.append(
                ConfigFault(path=variable, problem="does not fit the file", remedy=_REMEDY)
            )
    return places, faults


def _lay(tree: dict[str, Any], parts: Sequence[str], value: object) -> Location:
    """Set one value; the location that it was set at."""
    node: Any = tree
    location: list[int | str] = []
    for part in parts[:-1]:
        key = _key(node, part)
        node = node[key] if isinstance(key, int) else node.setdefault(key, {})
        location.append(key)
    key = _key(node, parts[-1])
    node[key] = value
    return (*location, key)


def _key(node: object, part: str) -> int | str:
    """A part of a variable's name as an index of a list or a key of a section."""
    if not isinstance(node, list):
        return part
    if not part.isascii() or not part.isdigit():
        raise ValueError(f"`{part}` is not the number of an entry")
    return int(part)


def ignored_variables(keys: Sequence[str], environ: Mapping[str, str]) -> Iterator[ConfigFault]:
    """Variables that were meant as overrides and are not: one underscore after ECHONODE.

    keys: the file's top level keys.
    """
    for variable in sorted(environ):
        if not variable.startswith(_HALF_PREFIX) or variable.startswith(_PREFIX):
            continue
        rest = variable.removeprefix(_HALF_PREFIX).lower()
        for key in keys:
            if rest == key or rest.startswith(f"{key}_"):
                yield ConfigFault(
                    path=variable,
                    problem="is ignored: it has one underscore after ECHONODE",
                    remedy=f"Write ECHONODE__{key}, with two underscores before each part.",
                )
                break

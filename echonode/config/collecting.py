"""Every fault of a tree at once, though later checks need whole values.

Rules
- Shape is checked first. Each value that has a fault is then taken out, or replaced by a stand-in
  where the section cannot be without it, and what is left is checked again: a section's own rules
  run only when its values have the right shape.
- What must agree between values is checked last. What it finds in an entry that had a fault before,
  or about a name that went with one, is left out: it may only be a consequence.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from echonode.config.checks import cross_faults
from echonode.config.schema import Config
from echonode.config.wording import fault_of
from echonode.config.yaml_tree import Location, path_of
from echonode.errors import ConfigFault
from echonode.model.identity import Service

# Each round uncovers the rules of sections that the round before made whole; they nest four deep.
_ROUNDS = 8


def checked(
    tree: dict[str, Any], folder: Path | None, suspects: Sequence[str] = ()
) -> tuple[Config | None, list[ConfigFault]]:
    """(the configuration, or None with a fault; every fault). folder: of relative paths.

    suspects: paths with a fault that was found before.
    """
    config, located, removed = _shaped(tree, folder)
    faults = list(located.values())
    if config is None or "peers" in removed:
        return None, faults
    places = [*suspects, *(path_of(location) for location in located)]
    misnamed = [location[-2] for location in located if location[-1] == "[key]"]
    faults += [
        fault
        for fault in cross_faults(config)
        if not _follows(fault, places)
        and not _is_of(fault, removed)
        and not any(f"`{name}`" in fault.problem for name in misnamed)
    ]
    return (config if not faults else None), faults


def _shaped(
    tree: dict[str, Any], folder: Path | None
) -> tuple[Config | None, dict[Location, ConfigFault], set[str]]:
    """The configuration with what has a fault taken out, those faults by their places, and the
    sections of the file that had to be removed whole.
    """
    work = copy.deepcopy(tree)
    located: dict[Location, ConfigFault] = {}
    removed: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            config = Config.model_validate(work, context={"folder": folder})
        except ValidationError as error:
            details = error.errors()
        else:
            return config, located, removed
        for detail in details:
            location = detail["loc"]
            if not _is_repeated(location, located):
                located[location] = fault_of(detail, Config)
            unknown = detail["type"] == "extra_forbidden"
            if _take_out(work, location) == 1 and not unknown:
                removed.add(str(location[0]))
    return None, located, removed


def _is_repeated(location: Location, located: dict[Location, ConfigFault]) -> bool:
    """Whether a fault at or below `location` was found before: then this one is a consequence."""
    return any(known[: len(location)] == location for known in located)


def _take_out(work: Any, location: Location) -> int:
    """Remove the value at `location`, or the section it is in; or put a stand-in in its place.

    Returns how deep what was removed lay: 1 for a whole section of the file, 0 for nothing.
    """
    parts = [part for part in location if part != "[key]"]
    for depth in range(len(parts), 0, -1):
        node = _at(work, parts[: depth - 1])
        key = parts[depth - 1]
        if isinstance(node, dict):
            stand_in = _STAND_INS.get(str(key))
            if stand_in is not None and location[-1] != "[key]":
                node[key] = stand_in(parts)
                return 0
            if key in node:
                del node[key]
                return depth
    return 0


def _at(work: Any, parts: Sequence[int | str]) -> Any:
    node = work
    for part in parts:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def _label(parts: Sequence[int | str]) -> str:
    return "-".join(str(part) for part in parts if str(part).isalnum())[-12:]


# For keys that a section cannot be without, a value that no other check objects to.
_STAND_INS: dict[str, Callable[[Sequence[int | str]], Any]] = {
    "ae_title": lambda parts: f"?{_label(parts)}",
    "station_ae_title": lambda parts: "?",
    "host": lambda parts: "127.0.0.1",
    "port": lambda parts: 65535,
    "name": lambda parts: f"x{_label(parts)}",
    "protocol": lambda parts: "file",
    "may": lambda parts: [service.value for service in Service],
    "id": lambda parts: "?",
}


def _follows(fault: ConfigFault, places: Sequence[str]) -> bool:
    """Whether a fault between values may be the consequence of one at `places`."""
    entries = {_entry(place) for place in places}
    if _entry(fault.path) in entries:
        return True
    about_certificates = ".tls" in fault.path or ".certificate" in fault.path
    return about_certificates and any(".tls" in place for place in places)


def _is_of(fault: ConfigFault, removed: set[str]) -> bool:
    """Whether a fault is about a section that was removed, or refers to one."""
    section = fault.path.split(".")[0].split("[")[0]
    return section in removed or (section == "forwarding" and "destinations" in removed)


def _entry(path: str) -> str:
    """The entry of a list or mapping that a path lies in: peers.pacs.port -> peers.pacs."""
    return ".".join(path.replace("[", ".[").split(".")[:2])

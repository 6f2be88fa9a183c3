"""From a YAML file and the environment to a Config, or to every fault at once.

Rules
- Every value may be overridden by ECHONODE__section__key; a list's entry by its number
  (ECHONODE__listen__0__port). The value is read as YAML, so 104 is a number and [echo] a list.
- A key that stands twice is a fault: YAML would silently take the second.
- Relative paths in the file are relative to the working directory, as for any command.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from echonode.config.checks import cross_faults
from echonode.config.schema import Config
from echonode.errors import ConfigError, ConfigFault

_PREFIX = "ECHONODE__"


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key standing twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep)


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read and check a configuration. Raises ConfigError with every fault found."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            [_fault(str(path), f"cannot be read: {reason}", "Give the path of a YAML file.")]
        ) from None
    return parse(text, environ)


def parse(text: str, environ: Mapping[str, str]) -> Config:
    """Check a configuration's text. Raises ConfigError with every fault found."""
    tree = _tree(text)
    _override(tree, environ)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError([_from_pydantic(detail) for detail in error.errors()]) from None
    if faults := cross_faults(config):
        raise ConfigError(faults)
    return config


def _tree(text: str) -> dict[str, Any]:
    """The file's top level mapping."""
    try:
        tree = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        problem = getattr(error, "problem", None) or "cannot be read as YAML"
        raise ConfigError(
            [_fault(where, f"not valid YAML: {problem}", "Mend that line.")]
        ) from None
    except RecursionError:
        raise ConfigError([_fault("the file", "nested too deeply", "Flatten it.")]) from None
    if not isinstance(tree, dict):
        raise ConfigError(
            [_fault("the file", "is not a mapping of keys", "Start from config/echonode.yaml.")]
        )
    return tree


def _override(tree: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Lay ECHONODE__a__b=value over the tree, in place."""
    faults = []
    for variable in sorted(name for name in environ if name.startswith(_PREFIX)):
        *parents, last = variable.removeprefix(_PREFIX).split("__")
        try:
            value = yaml.safe_load(environ[variable])
            node: Any = tree
            for part in parents:
                node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
            if isinstance(node, list):
                node[int(last)] = value
            else:
                node[last] = value
        except (yaml.YAMLError, ValueError, IndexError, TypeError, AttributeError):
            faults.append(
                _fault(
                    variable,
                    "does not fit the file",
                    "Write ECHONODE__section__key, and a list's entry by its number.",
                )
            )
    if faults:
        raise ConfigError(faults)


def _fault(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path, problem=problem, remedy=remedy)


def _path(location: tuple[int | str, ...]) -> str:
    """('listen', 0, 'port') -> listen[0].port"""
    text = ""
    for part in location:
        if part == "[key]":  # pydantic's mark for a mapping's key; the key stands before it
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys known in the section that `location` lies in."""
    model: Any = Config
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _section_in(field.annotation) if field else model
    return list(getattr(model, "model_fields", {}))


def _section_in(annotation: Any) -> Any:
    """The Section inside an annotation such as tuple[Listener, ...] or Web | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if found := _section_in(argument):
            return found
    return None


def _from_pydantic(detail: ErrorDetails) -> ConfigFault:
    """One fault in the operator's words."""
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(location)
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        remedy = f"Did you mean `{close[0]}`?" if close else f"Known here: {', '.join(known)}."
        return _fault(_path(location), "unknown key", remedy)
    if kind == "missing":
        return _fault(_path(location), "is missing", "Add it; config/echonode.yaml shows how.")
    if kind in ("literal_error", "enum"):
        return _fault(
            _path(location), "not one of the allowed values", f"Use {context['expected']}."
        )
    if kind == "value_error":
        return _fault(_path(location), str(context["error"]), "Correct the value.")
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return _fault(
        _path(location), f"has a value that does not fit ({message})", "Correct the value."
    )

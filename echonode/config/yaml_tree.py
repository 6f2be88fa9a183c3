"""The text of a configuration as a tree of values, with the line of each.

Rules
- Only YAML that means what it seems to mean is taken. Faults, each with its place, are a key that
  stands twice, a number with a leading zero (YAML 1.1 reads 0104 as 68), a number in base 60 (1:30
  is 90) and a date without quotes.
- Each place has its line, so that a fault found later, in the values, can name it as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from echonode.errors import ConfigError, ConfigFault

Location = tuple[int | str, ...]

_INTEGER = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_DATE = "tag:yaml.org,2002:timestamp"
_TEXT = "tag:yaml.org,2002:str"
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")


@dataclass(frozen=True, kw_only=True)
class ConfigTree:
    """values: the top level mapping. lines: of each place, from 1. faults: what YAML misreads."""

    values: dict[str, Any]
    lines: dict[Location, int]
    faults: tuple[ConfigFault, ...]


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


def path_of(location: Location) -> str:
    """('listen', 0, 'port') -> listen[0].port"""
    text = ""
    for part in location:
        if part == "[key]":  # pydantic's mark for a mapping's key; the key stands before it
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def read_tree(text: str) -> ConfigTree:
    """The tree of a file's text. Raises ConfigError where it is not YAML, or not a mapping."""
    try:
        values, lines, faults = _constructed(text)
    except yaml.reader.ReaderError as error:
        raise _refused(*_unreadable(text, error.position)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        problem = getattr(error, "problem", None) or "cannot be read as YAML"
        raise _refused(where, f"not valid YAML: {problem}", "Correct that line.") from None
    except RecursionError:
        raise _refused("the file", "nested too deeply", "Flatten it.") from None
    if not isinstance(values, dict):
        raise _refused(
            "the file",
            "is not a mapping of keys",
            "Start from the example: `echonode init` writes one.",
        )
    return ConfigTree(values=values, lines=lines, faults=tuple(faults))


def read_value(text: str) -> Any:
    """One value, as an environment variable holds it. Raises ValueError where it is misread."""
    try:
        value, _, faults = _constructed(text)
    except (yaml.YAMLError, RecursionError):
        raise ValueError("not valid YAML") from None
    if faults:
        raise ValueError(faults[0].problem)
    return value


def _constructed(text: str) -> tuple[Any, dict[Location, int], list[ConfigFault]]:
    loader = _StrictLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}, []
        lines: dict[Location, int] = {}
        faults = list(_walk(node, (), lines))
        return loader.construct_document(node), lines, faults
    finally:
        loader.dispose()


def _walk(node: yaml.Node, location: Location, lines: dict[Location, int]) -> Iterator[ConfigFault]:
    """Note the line of each place, and report the scalars that YAML would misread."""
    lines[location] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _walk(value, (*location, key.value), lines)
                lines[(*location, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*location, index), lines)
    elif isinstance(node, yaml.ScalarNode) and (found := _misread(node)):
        problem, remedy = found
        node.tag = _TEXT  # as written: no later check sees a value that is not in the file
        yield ConfigFault(path=path_of(location), problem=problem, remedy=remedy)


def _misread(node: yaml.ScalarNode) -> tuple[str, str] | None:
    """(problem, remedy) of a plain scalar whose value in YAML 1.1 is not the one it shows."""
    text = str(node.value)
    if node.tag == _INTEGER and _LEADING_ZERO.fullmatch(text):
        digits = text.replace("_", "").lstrip("+-0") or "0"
        return (
            f"{text} has a leading zero, and YAML reads such a number in base 8",
            f'Write {digits}; or "{text}" in quotes where a text is meant.',
        )
    if node.tag in (_INTEGER, _FLOAT) and ":" in text:
        return (
            f"YAML reads {text} as a number in base 60",
            f'Write "{text}" in quotes where a text is meant.',
        )
    if node.tag == _DATE:
        return (f"YAML reads {text} as a date", f'Write YYYYMMDD in quotes: "{_digits(text)}".')
    return None


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())[:8]


def _unreadable(text: str, position: int) -> tuple[str, str, str]:
    """(place, problem, remedy) of a character that YAML does not allow."""
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    code = ord(text[position]) if position < len(text) else 0
    return (
        f"line {line}, column {column}",
        f"holds the character U+{code:04X}, which YAML does not allow",
        "Remove it.",
    )


def _refused(path: str, problem: str, remedy: str) -> ConfigError:
    return ConfigError([ConfigFault(path=path, problem=problem, remedy=remedy)])

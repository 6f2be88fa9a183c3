"""What pydantic says of a value, in the operator's words: what it holds and what to write."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from echonode.config.yaml_tree import Location, path_of
from echonode.errors import ConfigFault

# What a value that is shown in a message may be long; a longer one is cut.
_SHOWN = 60

# What does not fit at these keys -> (problem, remedy).
_BY_KEY = {
    "keep_days_after_commit": (
        "{given} is not a number of days",
        "Give a number of days, for example 7.",
    ),
    "birth_date": ("{given} is not a text", 'Write YYYYMMDD in quotes, for example "19700102".'),
    "statuses": (
        "{given} is not a status",
        "Write four capital hexadecimal digits, the last ones as x for any: A702, A7xx, Cxxx.",
    ),
}
# pydantic's error types -> (problem, remedy); {given} is the value as the file has it.
_BY_TYPE = (
    (("missing",), ("is missing", "Add it; the example that `echonode init` writes shows how.")),
    (
        ("tuple_type", "list_type", "frozen_set_type", "set_type"),
        ("is not a list", "Begin each entry with `- `, or write [first, second]."),
    ),
    (
        ("model_type", "model_attributes_type", "dict_type"),
        ("is not a section", "Write its keys below it, each indented, or {{key: value}}."),
    ),
    (
        ("int_type", "int_parsing", "int_from_float"),
        ("{given} is not an integer", "Write a whole number without quotes."),
    ),
    (("string_type",), ("{given} is not a text", 'Write it in quotes: "{given}".')),
)


def fault_of(detail: ErrorDetails, model: type[BaseModel]) -> ConfigFault:
    """One fault, with its path in the file. model: of the whole file."""
    location, kind = detail["loc"], detail["type"]
    path = path_of(location)
    problem, remedy = _words(detail, location, kind, model)
    return ConfigFault(path=path, problem=problem, remedy=remedy)


def _words(
    detail: ErrorDetails, location: Location, kind: str, model: type[BaseModel]
) -> tuple[str, str]:
    context = detail.get("ctx", {})
    given = _shown(detail["input"]) if "patient" not in location else "this value"
    if kind == "extra_forbidden":
        return "unknown key", _nearest(str(location[-1]), _keys_at(location, model))
    if kind in ("literal_error", "enum"):
        return f"{given} is not one of the allowed values", f"Use {context['expected']}."
    if kind == "value_error":
        return str(context["error"]), "Correct the value."
    if kind in ("int_type", "int_parsing") and given.isdigit():
        return f'"{given}" is a text', f"Write it without quotes: {int(given)}."
    table = [words for key, words in _BY_KEY.items() if key in location and kind != "missing"]
    table += [words for kinds, words in _BY_TYPE if kind in kinds]
    if table:
        problem, remedy = table[0]
        return problem.format(given=given), remedy.format(given=given)
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{given} does not fit: {message}", "Correct the value."


def _shown(value: object) -> str:
    if value is None:
        return "an empty value"
    if isinstance(value, (dict, list, tuple)):
        return "this"
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _nearest(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return f"Did you mean `{close[0]}`?" if close else f"Known here: {', '.join(known)}."


def _keys_at(location: Location, model: type[BaseModel]) -> list[str]:
    """The keys known in the section that `location` lies in."""
    section: Any = model
    for part in location[:-1]:
        field = getattr(section, "model_fields", {}).get(part)
        section = _section_in(field.annotation) if field else section
    fields = getattr(section, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _section_in(annotation: Any) -> Any:
    """The Section inside an annotation such as tuple[Listener, ...] or Web | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if found := _section_in(argument):
            return found
    return None

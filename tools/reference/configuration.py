"""docs/configuration.md: each key of the file, from the schema and the texts below its keys."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from echonode.config import Config
from echonode.config.fields import Allowed

_EXAMPLE = re.compile(r"\s*\bExample:\s*(?P<value>.+)\Z", re.DOTALL)
_SIMPLE = {bool: "`true` or `false`", int: "integer", float: "number", str: "text", Path: "path"}


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key as the documentation has it. path: such as `listen[].tls`."""

    path: str
    name: str
    field: FieldInfo

    @property
    def meaning(self) -> str:
        return " ".join(_EXAMPLE.sub("", self.field.description or "").split())

    @property
    def example(self) -> str:
        """As YAML; '' where there is none."""
        found = _EXAMPLE.search(self.field.description or "")
        return " ".join(found["value"].split()) if found else ""

    @property
    def allowed(self) -> str:
        return _allowed(self.field.annotation, self.field.metadata)

    @property
    def default(self) -> str:
        if self.field.is_required():
            return "required"
        value = self.field.get_default(call_default_factory=True, validated_data={})
        if value is None or (isinstance(value, (str, tuple, dict, frozenset)) and not value):
            return "none"
        if isinstance(value, BaseModel) and value == type(value)():
            return "its keys' defaults"
        return f"`{_as_yaml(value)}`"


def sections(
    model: type[BaseModel] = Config, path: str = ""
) -> Iterator[tuple[str, type[BaseModel], list[Key]]]:
    """(path, model, its keys) of each section, in the order of the file."""
    keys = [
        Key(path=path, name=field.alias or name, field=field)
        for name, field in model.model_fields.items()
    ]
    yield path, model, keys
    for key in keys:
        for below, suffix in _models_in(key.field.annotation):
            where = f"{path}.{key.name}" if path else key.name
            yield from sections(below, where + suffix)


def configuration() -> str:
    """The tables, one a section; a section that stands in two places has its table at the first."""
    first: dict[type[BaseModel], str] = {}
    parts = []
    for path, model, keys in sections():
        if model in first:
            parts.append(f"## {_title(path)}\n\nThe keys of {_title(first[model])}.")
            continue
        first[model] = path
        parts.append("\n".join([f"## {_title(path)}", "", _about(model), "", *_table(keys)]))
    return "\n\n".join(parts)


def _title(path: str) -> str:
    return f"`{path}`" if path else "The whole file"


def _about(model: type[BaseModel]) -> str:
    return " ".join(inspect.cleandoc(model.__doc__ or "").split())


def _table(keys: Sequence[Key]) -> Iterator[str]:
    yield "| key | value | default | meaning | example |"
    yield "|---|---|---|---|---|"
    for key in keys:
        cells = (f"`{key.name}`", key.allowed, key.default, key.meaning, f"`{key.example}`")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _models_in(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """(section, what stands between its path and its keys) inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    suffix = {tuple: "[]", dict: ".NAME"}.get(get_origin(annotation), "")
    for argument in get_args(annotation):
        for model, below in _models_in(argument):
            yield model, suffix + below


def _allowed(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """What a value may be, in words."""
    for item in metadata:
        if isinstance(item, Allowed):
            return item.text
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None:
        return _allowed_simple(annotation, metadata)
    if origin is Annotated:
        return _allowed(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        (one,) = (argument for argument in arguments if argument is not NoneType)
        return _allowed(one, metadata)
    if origin is Literal:
        return _choices(arguments)
    return _allowed_many(
        origin, [_allowed(argument) for argument in arguments if argument is not ...], arguments
    )


def _allowed_simple(annotation: type, metadata: Sequence[Any]) -> str:
    if issubclass(annotation, Enum):
        return _choices([member.value for member in annotation])
    if issubclass(annotation, BaseModel):
        return "section"
    return f"{_SIMPLE[annotation]}{_bounds(metadata)}"


def _allowed_many(origin: Any, each: Sequence[str], arguments: Sequence[Any]) -> str:
    """Of a list, a tuple of fixed length, or a mapping; each: what its members may be."""
    if origin is dict:
        return f"sections; each under {each[0]}"
    if origin is tuple and arguments[-1] is not ...:
        return f"[{', '.join(each)}]"
    return f"list; each: {each[0]}" if origin is tuple else f"list of {each[0]}"


def _choices(values: Sequence[object]) -> str:
    return ", ".join(f"`{value}`" if value else "empty" for value in values)


def _bounds(metadata: Sequence[Any]) -> str:
    """The limits of a number, or of the length of a text."""
    low = high = ""
    for item in _flat(metadata):
        if isinstance(item, (annotated_types.Ge, annotated_types.Gt)):
            low = f"{item.ge}" if isinstance(item, annotated_types.Ge) else f"above {item.gt}"
        elif isinstance(item, (annotated_types.Le, annotated_types.Lt)):
            high = f"{item.le}" if isinstance(item, annotated_types.Le) else f"below {item.lt}"
        elif isinstance(item, annotated_types.MinLen):
            low = f"{item.min_length}"
        elif isinstance(item, annotated_types.MaxLen):
            high = f"{item.max_length} characters"
    if low and high:
        return f", {low} to {high}"
    return f", {low or f'up to {high}'}" if low or high else ""


def _flat(metadata: Sequence[Any]) -> Iterator[Any]:
    """pydantic's own Field inside Annotated brings its limits along in a list of its own."""
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else (item,)


def _as_yaml(value: object) -> str:
    text = yaml.safe_dump(
        _plain(value), default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return text.removesuffix("\n...\n").strip()


def _plain(value: Any) -> Any:
    """Values as the file has them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True, by_alias=True)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value

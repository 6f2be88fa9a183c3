"""docs/log-events.md: every event of the log, found in the source, with its meaning.

Rules
- An event is a call of a logger: `log.info("name", key=...)`, or `log.log(level, "name", key=...)`.
- A name, a level or keys that are no constants are looked up: an argument at the calls of the
  function in the same module, a variable at its assignment, `**keys` at the dictionary that is
  returned. What cannot be found so is an error, so that no event is missing here.
- The meanings are in log-events.yaml. An event without one, and a meaning without its event, are
  errors too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "echonode"
CATALOGUE = Path(__file__).with_name("log-events.yaml")

_LEVELS = ("debug", "info", "warning", "error")
_METHODS = {**{level: level for level in _LEVELS}, "exception": "error"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Event:
    """A name with every level, key and module that it is logged with."""

    name: str
    levels: frozenset[str]
    keys: frozenset[str]
    modules: frozenset[str]

    def joined(self, other: Event) -> Event:
        """Both places of one event."""
        return Event(
            name=self.name,
            levels=self.levels | other.levels,
            keys=self.keys | other.keys,
            modules=self.modules | other.modules,
        )


def log_events() -> str:
    """A table for each group of the catalogue. Raises ValueError where it is not complete."""
    events = found_events()
    groups = catalogue()
    known = {name for names in groups.values() for name in names}
    if missing := sorted(events.keys() - known):
        raise ValueError(f"{CATALOGUE.name} does not say what these mean: {', '.join(missing)}")
    if gone := sorted(known - events.keys()):
        raise ValueError(f"{CATALOGUE.name} has events that are not logged: {', '.join(gone)}")
    return "\n\n".join(
        "\n".join([f"## {title}", "", *_table(names, events)]) for title, names in groups.items()
    )


def _table(names: Mapping[str, str], events: Mapping[str, Event]) -> Iterator[str]:
    yield "| event | level | fields | meaning |"
    yield "|---|---|---|---|"
    for name, meaning in names.items():
        event = events[name]
        levels = ", ".join(level for level in _LEVELS if level in event.levels)
        keys = ", ".join(f"`{key}`" for key in sorted(event.keys))
        yield f"| `{name}` | {levels} | {keys} | {' '.join(meaning.split())} |"


def catalogue() -> dict[str, dict[str, str]]:
    """Title of a group -> event -> meaning."""
    groups: dict[str, dict[str, str]] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return groups


def found_events(package: Path = PACKAGE) -> dict[str, Event]:
    """Every event of a package by its name."""
    events: dict[str, Event] = {}
    for path in sorted(package.rglob("*.py")):
        for event in events_of(path.read_text(encoding="utf-8"), path.relative_to(package)):
            known = events.get(event.name)
            events[event.name] = known.joined(event) if known else event
    return events


def events_of(source: str, path: Path) -> Iterator[Event]:
    """The events of one module. Raises ValueError, with the line, for one that is not found out."""
    module = _Module(ast.parse(source), path)
    for call, within in module.log_calls():
        yield from module.events(call, within)


class _Module:
    """A module's tree, and where in it names come from."""

    def __init__(self, tree: ast.Module, path: Path) -> None:
        self._tree = tree
        self._path = path

    def log_calls(self) -> Iterator[tuple[ast.Call, Function | None]]:
        """(call, the function it stands in) of each call of a logger."""
        yield from self._calls_below(self._tree, None)

    def _calls_below(
        self, node: ast.AST, within: Function | None
    ) -> Iterator[tuple[ast.Call, Function | None]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call) and _is_of_logger(child):
                yield child, within
            inner = child if isinstance(child, Function) else within
            yield from self._calls_below(child, inner)

    def events(self, call: ast.Call, within: Function | None) -> Iterator[Event]:
        method = call.func.attr  # type: ignore[attr-defined]  # _is_of_logger has seen it
        if method == "log":
            levels = frozenset(name.lower() for name in self._constants(call.args[0], within))
            name = call.args[1]
        else:
            levels, name = frozenset({_METHODS[method]}), call.args[0]
        keys = frozenset(key for word in call.keywords for key in self._keys(word, within))
        for found in self._constants(name, within):
            yield Event(
                name=found,
                levels=levels,
                keys=keys - {"exc_info"},
                modules=frozenset({self._path.as_posix()}),
            )

    def _constants(self, value: ast.expr, within: Function | None) -> Iterator[str]:
        """Every text that `value` may be; of `logging.ERROR` it is ERROR."""
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
        elif isinstance(value, ast.IfExp):
            yield from self._constants(value.body, within)
            yield from self._constants(value.orelse, within)
        elif isinstance(value, ast.Attribute) and ast.unparse(value.value) == "logging":
            yield value.attr
        elif isinstance(value, ast.Name) and within is not None:
            for origin, there in self._origins(value.id, within):
                yield from self._constants(origin, there)
        else:
            raise ValueError(f"{self._path}:{value.lineno}: {ast.unparse(value)} is not a constant")

    def _origins(self, name: str, within: Function) -> list[tuple[ast.expr, Function | None]]:
        """(value, function it stands in) of each value that a variable or argument may have."""
        origins: list[tuple[ast.expr, Function | None]] = [
            (node.value, within)
            for node in ast.walk(within)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        ]
        origins = origins or list(self._arguments(name, within))
        if not origins:
            raise ValueError(f"{self._path}:{within.lineno}: where {name} comes from is not known")
        return origins

    def _arguments(self, name: str, within: Function) -> Iterator[tuple[ast.expr, Function | None]]:
        """What a parameter is given at the calls of its function in this module."""
        positional = [argument.arg for argument in within.args.args if argument.arg != "self"]
        for call, caller in self._calls_of(within):
            given = {word.arg: word.value for word in call.keywords}
            given |= dict(zip(positional, call.args, strict=False))
            if name in given:
                yield given[name], caller

    def _calls_of(self, function: Function) -> Iterator[tuple[ast.Call, Function | None]]:
        for caller in (self._tree, *_functions(self._tree)):
            for node in _own(caller):
                if isinstance(node, ast.Call) and _last_name(node.func) == function.name:
                    yield node, caller if isinstance(caller, Function) else None

    def _keys(self, word: ast.keyword, within: Function | None) -> Iterator[str]:
        """The key of `key=...`, or those of `**keys`."""
        if word.arg is not None:
            yield word.arg
            return
        rest = within.args.kwarg.arg if within is not None and within.args.kwarg else None
        if within is not None and isinstance(word.value, ast.Name) and word.value.id == rest:
            named = {argument.arg for argument in (*within.args.args, *within.args.kwonlyargs)}
            for call, _ in self._calls_of(within):
                given = {other.arg for other in call.keywords if other.arg}
                yield from given - named
            return
        yield from self._keys_of(word.value, within)

    def _keys_of(self, value: ast.expr, within: Function | None) -> Iterator[str]:
        if isinstance(value, ast.Dict):
            for key in value.keys:
                assert key is not None
                yield from self._constants(key, within)
        elif isinstance(value, ast.Call):
            for returned in _returned_by(_last_name(value.func), self._tree):
                yield from self._keys_of(returned, None)
        elif isinstance(value, ast.Name) and within is not None:
            for origin, there in self._origins(value.id, within):
                yield from self._keys_of(origin, there)
        else:
            raise ValueError(f"{self._path}:{value.lineno}: the keys of {ast.unparse(value)}?")


def _is_of_logger(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in {*_METHODS, "log"}:
        return False
    of = function.value
    return ast.unparse(of) == "log" or "get_logger" in ast.unparse(of)


def _last_name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function or module itself, and not in a function in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function):
            yield child
            yield from _own(child)


def _returned_by(name: str, tree: ast.Module) -> Sequence[ast.expr]:
    """What the function of that name returns: of this module, or the only one of the package."""
    own = [function for function in _functions(tree) if function.name == name]
    for function in own or _of_package(name):
        return [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]
    raise ValueError(f"no function {name}, whose keys are logged")


def _of_package(name: str) -> list[Function]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py")))
    return [function for tree in trees for function in _functions(tree) if function.name == name]

"""In which target each test that docs/threats.md names runs, by the marks of its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DOCUMENT = ROOT / "docs" / "threats.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
# Mark -> the target that runs what has it (Makefile); the first that a test has counts.
_TARGETS = {"full": "make faults", "containers": "make containers", "long": "make long"}
_EACH_CHANGE = "make test"


class UnknownTest(LookupError):
    """The document names a test that is not there."""


def named_tests(text: str) -> list[tuple[str, str]]:
    """(file, test) of each that a text names, in its order, each once."""
    return list(dict.fromkeys(_NAMED.findall(text)))


def targets_of(source: str, name: str) -> list[str]:
    """The targets that run a test, or cases of it. Raises UnknownTest."""
    module = ast.parse(source)
    found = next((each for each in _functions(module) if each.name == name), None)
    if found is None:
        raise UnknownTest(name)
    whole = set(_marks(_module_marks(module)))
    for decorator in found.decorator_list:
        if not _is_parametrize(decorator):
            whole |= set(_marks([decorator]))
    for mark, target in _TARGETS.items():
        if mark in whole:
            return [target]
    cases = set(_marks(found.decorator_list))
    return [_EACH_CHANGE, *(target for mark, target in _TARGETS.items() if mark in cases)]


def tests_of_threats() -> str:
    """A table: each test that the document names, and its target. Raises UnknownTest."""
    rows = []
    for file, name in named_tests(_DOCUMENT.read_text(encoding="utf-8")):
        targets = targets_of((ROOT / file).read_text(encoding="utf-8"), name)
        more = "; more cases: " if len(targets) > 1 else ""
        rest = ", ".join(f"`{target}`" for target in targets[1:])
        rows.append(f"| `{file}` | `{name}` | `{targets[0]}`{more}{rest} |")
    return "\n".join(["| file | test | run by |", "|---|---|---|", *rows])


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef]:
    return (each for each in ast.walk(module) if isinstance(each, ast.FunctionDef))


def _module_marks(module: ast.Module) -> Iterator[ast.expr]:
    for each in module.body:
        if isinstance(each, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in each.targets
        ):
            yield each.value


def _is_parametrize(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize")


def _marks(expressions: Iterator[ast.expr] | list[ast.expr]) -> Iterator[str]:
    for expression in expressions:
        for each in ast.walk(expression):
            if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "pytest.mark":
                yield each.attr

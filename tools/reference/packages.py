"""The packages by rank, each with what belongs in it, from tests/test_architecture.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "echonode"
_ARCHITECTURE = ROOT / "tests" / "test_architecture.py"


def packages() -> str:
    """A table: a line a rank, from the top; a package imports from the lines below its own."""
    return "\n".join(["| rank | packages |", "|---|---|", *_rows()])


def _rows() -> Iterator[str]:
    for number, rank in enumerate(_ranks(), start=1):
        names = sorted(rank - {"__init__"})
        said = "<br>".join(f"`{name}`: {_said(name)}" for name in names)
        yield f"| {number} | {said} |"


def _ranks() -> list[set[str]]:
    for statement in ast.parse(_ARCHITECTURE.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "RANKS":
            ranks: list[set[str]] = ast.literal_eval(statement.value)
            return ranks
    raise LookupError(f"no RANKS in {_ARCHITECTURE}")


def _said(name: str) -> str:
    """The first line of its docstring."""
    folder = PACKAGE / name
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0].replace("|", "\\|")

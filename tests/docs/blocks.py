"""The fenced blocks of the documents, and the marks that say what is done with them.

A block of a language in MARKED has one of these lines right before it:

    <!-- test -->                 run it; of a console block the exit status is 0
    <!-- test: exit 1 -->         run it; its last command ends with that status
    <!-- test: until TEXT -->     start it in the background; go on once it has printed TEXT
    <!-- test: within 60 s -->    run it until it prints what is promised, for so long
    <!-- not run: REASON -->      it is not run

In a console block a line that begins with `$ ` is a command, and what follows is what it prints;
`...` stands for anything, alone on its line for any lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# What a reader would copy and run.
MARKED = {"console", "sh", "bash", "shell", "yaml", "python", "make"}
# What is only looked at.
SHOWN = {"text", "mermaid", "promql", "toml"}

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>test|not run)(?:: (?P<detail>[^\n]+?))? -->\n)?"
    r"```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """mark: `test`, `not run` or ''. detail: what stands behind the colon of the mark."""

    document: Path
    line: int
    language: str
    text: str
    mark: str
    detail: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of a console block, and what it is promised to print."""

    line: str
    output: str


def blocks_of(document: Path) -> Iterator[Block]:
    """Every fenced block, in order."""
    yield from blocks_in(document.read_text(encoding="utf-8"), document)


def blocks_in(text: str, document: Path) -> Iterator[Block]:
    """Every fenced block of a text."""
    for match in _BLOCK.finditer(text):
        yield Block(
            document=document,
            line=text.count("\n", 0, match.start("text")),
            language=match["language"],
            text=match["text"],
            mark=match["mark"] or "",
            detail=match["detail"] or "",
        )


def faults_of(block: Block) -> Iterator[str]:
    """What is wrong with the marks of a block."""
    if block.language in SHOWN:
        return
    if block.language not in MARKED:
        yield f"{block}: give the block a language: {', '.join(sorted(MARKED | SHOWN))}"
    elif not block.mark:
        yield f"{block}: mark it <!-- test --> or <!-- not run: reason -->"
    elif block.mark == "not run" and not block.detail:
        yield f"{block}: `not run` needs a reason"


def commands_of(block: Block) -> list[Command]:
    """The commands of a console block; a line that ends in a backslash goes on."""
    commands: list[tuple[str, list[str]]] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line.removeprefix("$ ")
            while command.endswith("\\"):
                command = command.removesuffix("\\") + next(lines).strip()
            commands.append((command, []))
        else:
            assert commands, f"{block} begins with output: a command begins with `$ `"
            commands[-1][1].append(line)
    return [Command(line=line, output="\n".join(output)) for line, output in commands]


def prints(promised: str, printed: str) -> bool:
    """Whether a program printed what a document promises; nothing promised is nothing compared."""
    if not promised.strip():
        return True
    pattern = "".join(map(_line_pattern, promised.strip("\n").splitlines()))
    return re.fullmatch(pattern, printed.strip("\n") + "\n") is not None


def _line_pattern(line: str) -> str:
    """Runs of spaces are as wide as the columns happen to be."""
    if line.strip() == "...":
        return r"(?:[^\n]*\n)*?"
    escaped = re.escape(line.rstrip()).replace(r"\.\.\.", r"[^\n]*")
    return re.sub(r"(?:\\ )+", " +", escaped) + " *\n"

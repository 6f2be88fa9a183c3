"""Refuse the phrases that this code base does without: `python tools/phrases.py`.

Here is a list of idioms, inverted forms and metaphors that came back often, each with its reason
and what to write instead. Read are: comments and texts in echonode/ and tools/, docstrings in
tests/, the documents, the examples and what lies in deploy/. Names in code are left alone, and so
is code between backticks.

Exit status 1 where one is found.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """pattern: what is refused, whatever its case. instead: what to write, with an example."""

    pattern: str
    reason: str
    instead: str


PHRASES = (
    Phrase(
        pattern=r"\b(is|are|was|were|be|been|being) told\b|\btold of\b",
        reason="the passive hides who says it, and programs are not told",
        instead="the subject and a verb: the node logs it; the caller gets the error",
    ),
    Phrase(
        pattern=r"\bbe had\b",
        reason="an idiom that says `get` or `make` in more words",
        instead="is not available, cannot be made",
    ),
    Phrase(
        pattern=r"\bfor ever\b",
        reason="nothing lasts so long, and the reader wants the bound",
        instead="without a limit, never ends, permanently; or the time",
    ),
    Phrase(pattern=r"\banew\b", reason="archaic", instead="again, rebuilt, a new one"),
    Phrase(
        pattern=r"\bbesides?\b",
        reason="it can mean next to, during, or apart from",
        instead="next to, with, while, apart from, also",
    ),
    Phrase(
        pattern=r"\bstand(s|ing)? above\b",
        reason="a metaphor for a rule of precedence",
        instead="overrides",
    ),
    Phrase(pattern=r"\bbef(a|e)ll?\b|\bbefalls\b", reason="archaic", instead="happened to"),
    Phrase(pattern=r"\beldest\b", reason="things are not persons", instead="oldest"),
    Phrase(
        pattern=r"\b(whoever|whomever|whom|nobody|somebody|anybody|everybody)\b",
        reason="it names no one, and inverts the sentence",
        instead="the caller, the peer, the operator; no one, no peer, no thread",
    ),
    Phrase(
        pattern=r"(?<!there\s)\b(is|are|was|were) none\b|(?<!there\s)\bis no \w+ of\b",
        reason="the reader has to look back for the noun",
        instead="is not a number, is not one of",
    ),
    Phrase(
        pattern=r"\bpromis\w+ to keep\b|\bbe(en)? promised\b|\b(archive|peer)('s|s')? promises?\b",
        reason="the standard's word is commitment (PS3.4 annex J)",
        instead="commits, has committed, commitment",
    ),
    Phrase(
        pattern=r"\bdoors?\b|\bbur(y|ies|ied|ying)\b|\bmend(s|ed|ing)?\b|\bfences?\b"
        r"|\boperator's hand\b|\ba hand on\b",
        reason="a metaphor",
        instead="interface; delete with a tombstone; repair; guard; the operator's action",
    ),
    Phrase(
        pattern=r"\brooms\b|\b(another|one|each|every|other) room\b",
        reason="a metaphor for a package",
        instead="packages",
    ),
)

# Files that are not read, each with the reason.
# A folder's pattern ends in /* and covers all below it.
EXCLUDED: Mapping[str, str] = {
    "tools/phrases.py": "holds the phrases themselves",
}
# Phrases that a file may hold all the same: path -> (matched text, reason).
ALLOWED: Mapping[str, Sequence[tuple[str, str]]] = {}

_DOCUMENTS = ("*.md", "docs/*.md", "Makefile", "Dockerfile", "docker-compose.yml", ".ci/run")
_OTHERS = (
    "config/*",
    "deploy/*",
    "tools/**/*",
    "echonode/web/console/**/*",
    "echonode/config/examples/*",
)
_CODE_IN_TEXT = re.compile(r"`[^`\n]*`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_IMAGES = {".png", ".ico", ".svg", ".woff2"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where a phrase stands. line: from 1."""

    path: str
    line: int
    text: str
    phrase: Phrase

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}: `{self.text}`: {self.phrase.reason}. "
            f"Write: {self.phrase.instead}."
        )


def main() -> int:
    """Print every finding; returns the exit status."""
    found = [finding for path in read_files() for finding in findings_in(path)]
    for finding in found:
        print(finding)
    return 1 if found else 0


def read_files() -> Iterator[Path]:
    """Every file that is read, once each."""
    patterns = ("echonode/**/*.py", "tests/**/*.py", *_DOCUMENTS, *_OTHERS)
    paths = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(paths):
        name = path.relative_to(ROOT)
        if "__pycache__" in name.parts or path.suffix in _IMAGES:
            continue
        if not any(_covers(each, name) for each in EXCLUDED):
            yield path


def _covers(pattern: str, name: Path) -> bool:
    folder = pattern.removesuffix("*")
    return name.as_posix() == pattern or (
        pattern.endswith("/*") and name.as_posix().startswith(folder)
    )


def findings_in(path: Path) -> Iterator[Finding]:
    """The phrases in one file that nothing allows it."""
    name = path.relative_to(ROOT).as_posix()
    allowed = {text.lower() for text, _ in ALLOWED.get(name, ())}
    source = path.read_text(encoding="utf-8")
    for line, text in _passages(name, source):
        for finding in findings(name, line, text):
            if finding.text.lower() not in allowed:
                yield finding


def findings(name: str, line: int, text: str) -> Iterator[Finding]:
    """The phrases in a passage that begins at `line`; also across the end of a line."""
    plain = _CODE_IN_TEXT.sub(lambda code: " " * len(code.group()), text)
    plain = re.sub(r"[ \t]*\n[ \t]*(#|//|\*|>)?[ \t]*", "\n", plain)  # the end of a line is a space
    for phrase in PHRASES:
        pattern = phrase.pattern.replace(" ", r"\s+")
        for match in re.finditer(pattern, plain, re.IGNORECASE):
            yield Finding(
                path=name,
                line=line + plain.count("\n", 0, match.start()),
                text=" ".join(match.group().split()),
                phrase=phrase,
            )


def _passages(name: str, source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of what is read of a file."""
    if name.startswith("tests/"):
        yield from _docstrings(source)
    elif name.endswith(".py"):
        yield from _comments_and_texts(source)
    elif name == "CHANGELOG.md":
        yield 1, _unreleased(source)
    elif name.endswith(".md"):
        yield 1, _FENCE.sub(lambda fence: "\n" * fence.group().count("\n"), source)
    else:
        yield 1, source


def _unreleased(changelog: str) -> str:
    """Up to the first version that is out; what was released is history."""
    sections = re.split(r"(?m)^(?=## )", changelog)
    released = next(
        (
            i
            for i, part in enumerate(sections)
            if i and "unreleased" not in part.lower().split("\n")[0]
        ),
        len(sections),
    )
    return "".join(sections[:released])


def _docstrings(source: str) -> Iterator[tuple[int, str]]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and (text := ast.get_docstring(node, clean=False)):
            yield node.body[0].lineno, text


def _comments_and_texts(source: str) -> Iterator[tuple[int, str]]:
    """Comments that follow each other are one passage, and so are texts that are joined."""
    block: list[str] = []
    begin = 0
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    between = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds:
            if not block:
                begin = token.start[0]
            block.append(
                "\n" * (token.start[0] - begin - "".join(block).count("\n")) + token.string
            )
        elif token.type not in between and block:
            yield begin, "".join(block)
            block = []
    if block:
        yield begin, "".join(block)


if __name__ == "__main__":
    sys.exit(main())

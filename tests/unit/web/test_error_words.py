"""Every sentence that the API answers as an error has its French text in the console.

The sentences are read from the code that the routes reach, so that a new one is asked for here.
Left out is what no person at the probe or desk can cause: transcoding's faults quote the standard,
and the console shows them as they are.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from echonode.errors import TriedTooOften
from echonode.store.files.free_space import DiskSpace

PACKAGE = Path(__file__).resolve().parents[3] / "echonode"
TABLE = PACKAGE / "web" / "console" / "core" / "error-words.js"

# What the routes of exams, captures, patients, log-ins, the outbox and the archive reach.
REACHED = (
    "access/*.py",
    "delivery/bulk_actions.py",
    "delivery/operator_actions.py",
    "exam/*.py",
    "exam/reporting/*.py",
    "frames/capture/*.py",
    "model/discontinuation.py",
    "model/exam_report.py",
    "model/exam_state.py",
    "model/measurement.py",
    "model/patient.py",
    "model/us_region.py",
    "monitoring/flight_report.py",
    "node/*.py",
    "objects/presentation/*.py",
    "objects/reports/*.py",
    "objects/values.py",
    "review/*.py",
    "store/access/*.py",
    "store/database/connections.py",
    "store/deliveries/operator_actions.py",
    "store/exams/corrections.py",
    "store/exams/documents.py",
    "store/exams/exam_rows.py",
    "store/exams/exams.py",
    "store/exams/measurements.py",
    "store/files/disk.py",
    "transcoding/picture.py",
    "transcoding/rendered_frames.py",
    "transcoding/single_frame.py",
    "web/**/*.py",
)
# How many leading arguments of each hold no sentence; the rest are the problem and its remedy.
RAISED: Mapping[str, int] = {
    "FieldRefused": 1,
    "OperatorRefused": 0,
    "CaptureRefused": 0,
    "UsageError": 0,
    "LoginRefused": 0,
    "IllegalTransition": 0,
    "InvalidObject": 0,
    "OutOfSpace": 0,
    "CommitUncertain": 0,
    "IndexDamaged": 0,
    "StoreError": 0,
    "Refusal": 0,
    "error": 1,  # of web/json_requests.py
}
SAID_AS = ("error", "remedy", "problem")
# Not a sentence of its own: one of another error, or one that a test below asks for.
ELSEWHERE = frozenset(
    {
        "str(error)",
        "str(refused)",
        "str(unknown)",
        "str(doubtful)",
        "str(often)",
        "str(invalid)",
        "str(away)",
        "str(failed)",
        "refused.remedy",
        "refusal",
        "self._admission.refusal",
        "self._reason",
        "failures[ticket.folder]",
    }
)


def modules() -> list[Path]:
    found = {path for pattern in REACHED for path in PACKAGE.glob(pattern)}
    assert len(found) > 60
    return sorted(found)


class Sentences:
    """Those of one module. A part that is known only when it runs is one word."""

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text(encoding="utf-8"))
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        self._module: ModuleType = importlib.import_module(name)
        # Of the errors that are declared here: what each says of itself.
        self._declared = {
            call
            for made in ast.walk(self._tree)
            if isinstance(made, ast.ClassDef)
            and {ast.unparse(base) for base in made.bases} & {*RAISED}
            for call in ast.walk(made)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        }
        self._local = {
            target.id: node.value
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for call in ast.walk(self._tree):
            if not isinstance(call, ast.Call):
                continue
            skipped = 0 if call in self._declared else self._skipped(call.func)
            if skipped is None:
                continue
            given = [each.value for each in call.keywords if each.arg in SAID_AS]
            for said in (*call.args[skipped:], *given):
                for text in self._texts(said):
                    yield call.lineno, text

    @staticmethod
    def _skipped(called: ast.expr) -> int | None:
        return RAISED.get(called.id) if isinstance(called, ast.Name) else None

    def _texts(self, said: ast.expr) -> Iterator[str]:
        if isinstance(said, ast.Constant):
            if isinstance(said.value, str) and said.value:
                yield said.value
        elif isinstance(said, ast.JoinedStr):
            yield from self._joined(said)
        elif isinstance(said, ast.IfExp):
            yield from self._texts(said.body)
            yield from self._texts(said.orelse)
        elif isinstance(said, ast.Name) and isinstance(
            kept := getattr(self._module, said.id, None), str
        ):
            yield kept
        elif isinstance(said, ast.Name) and said.id in self._local:
            yield from self._texts(self._local[said.id])
        elif isinstance(said, ast.Subscript) and ast.unparse(said) not in ELSEWHERE:
            yield from self._values(said)
        elif ast.unparse(said) not in ELSEWHERE:
            yield f"<{ast.unparse(said)}>"  # no pattern fits it: the test says where

    def _joined(self, said: ast.JoinedStr) -> Iterator[str]:
        texts = [""]
        for part in said.values:
            if isinstance(part, ast.Constant):
                choices = [str(part.value)]
            else:
                assert isinstance(part, ast.FormattedValue)
                table = isinstance(part.value, ast.Subscript) and self._table(part.value)
                choices = [str(each) for each in table.values() if each] if table else ["x1"]
            texts = [text + choice for text in texts for choice in choices]
        yield from texts

    def _values(self, said: ast.Subscript) -> Iterator[str]:
        table = self._table(said)
        assert table, f"{ast.unparse(said)} is no table of sentences"
        yield from (str(value) for value in table.values() if value)

    def _table(self, said: ast.Subscript) -> Mapping[object, object] | None:
        kept = getattr(self._module, ast.unparse(said.value), None)
        return kept if isinstance(kept, Mapping) else None


@cache
def known() -> list[re.Pattern[str]]:
    """The English sentences of the table, {name} standing for any text."""
    row = re.compile(r'^  "error\.(?!field\.)[^"]*": \{ en: ("(?:[^"\\]|\\.)*")', re.MULTILINE)
    found = row.findall(TABLE.read_text(encoding="utf-8"))
    assert len(found) > 100
    return [pattern(json.loads(each)) for each in found]


def pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", english)
    return re.compile(".+?".join(re.escape(part) for part in parts), re.DOTALL)


def missing(sentences: Iterator[str]) -> list[str]:
    """Those that no pattern fits."""
    patterns = known()
    return [each for each in sentences if not any(row.fullmatch(each) for row in patterns)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_sentence_has_its_french_text(path: Path) -> None:
    """A new one is added to core/error-words.js, with every {name} that it has."""
    said = list(Sentences(path))
    absent = missing(text for _, text in said)
    assert [(line, text) for line, text in said if text in absent] == []


def test_sentences_that_are_made_elsewhere_are_known() -> None:
    """Too many tries, and a disk without room."""
    full = DiskSpace(total=100, free=1, minimum_free_percent=5, cine_bytes_per_s=1)
    assert full.problem
    unknown = "the disk of data_dir cannot be asked for its free space: Input/output error"
    assert missing(iter([str(TriedTooOften(7)), full.problem, unknown])) == []


def test_a_sentence_without_a_french_text_is_found() -> None:
    """So that the tests above can fail."""
    assert missing(iter(["there is no exam A1", "a sentence that is new"])) == [
        "a sentence that is new"
    ]

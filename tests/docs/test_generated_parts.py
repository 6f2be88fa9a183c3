"""What docs/ says of the code is what the code is: made by `make docs`, compared here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from echonode.model.commitment import TRANSITIONS
from tools.reference.parts import PARTS, Part, current, marks, with_part
from tools.reference.states import state_diagram

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "echonode"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.document}: {part.name}")
def test_each_generated_part_is_current(part: Part) -> None:
    """A new key, event, state or package is in the documentation. Otherwise run `make docs`."""
    text = (ROOT / part.document).read_text(encoding="utf-8")
    assert current(text, part), f"{part.document} is not current. Run: make docs"


def test_what_is_written_by_hand_stays() -> None:
    """Only what lies between the marks is replaced."""
    part = Part(document="x.md", name="numbers", make=lambda: "1, 2")
    begin, end = marks("numbers")
    made = with_part(f"before\n{begin}\nold\n{end}\nafter\n", part)
    assert made == f"before\n{begin}\n\n1, 2\n\n{end}\nafter\n"
    assert current(made, part)


def test_a_document_that_lost_its_marks_is_an_error() -> None:
    """A part cannot vanish from a document without being noticed."""
    with pytest.raises(ValueError, match=r"x\.md"):
        with_part("no marks here", Part(document="x.md", name="numbers", make=str))


def test_a_diagram_has_every_row_of_its_table() -> None:
    """Each transition is an arrow; events between the same two states share one."""
    diagram = state_diagram(TRANSITIONS, first=("created",))
    for (state, event), after in TRANSITIONS.items():
        assert re.search(rf"{state} --> {after}:.*\b{event}\b", diagram), (state, event)


def test_every_file_that_a_document_names_exists() -> None:
    """A reader finds each module where the documentation says that it is."""
    for document in sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]):
        text = document.read_text(encoding="utf-8")
        for name in re.findall(r"`([\w./-]+/[\w-]+\.(?:py|yaml|yml|json|sh|service))[:`]", text):
            if name.startswith("build/"):  # made by make
                continue
            places = (ROOT / name, PACKAGE / name)
            assert any(place.exists() for place in places), f"{document.name}: {name}"


def test_every_link_of_a_document_leads_somewhere() -> None:
    """Files and headings that are linked to exist."""
    for document in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            path, _, heading = target.partition("#")
            place = document.parent / path if path else document
            assert place.exists(), f"{document.name}: {target}"
            assert not heading or heading in anchors(place), f"{document.name}: {target}"


def anchors(document: Path) -> set[str]:
    """The names that the headings of a document can be linked by."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def modules_calling(*names: str) -> set[str]:
    """Modules of the node itself that make one of these: no command, no simulator."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        if module.startswith(("commands/", "probe/simulation/")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in names:
                    found.add(module)
    return found


def rows_under(heading: str) -> str:
    """The text of a section of docs/architecture.md."""
    return ARCHITECTURE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_table_of_threads_is_complete() -> None:
    """Each module that starts a thread has a row, and each module with a row starts one."""
    named = set(re.findall(r"`([\w/]+\.py)`", rows_under("Threads").partition("|---|")[2]))
    starts = modules_calling("Thread", "RecurringThread", "ThreadPoolExecutor")
    assert starts - named == set()
    assert named - starts <= {"dimse/association/association.py", "web/server.py"}


def test_the_table_of_locks_is_complete() -> None:
    """Each module that has a lock or a condition has a row, and each module with a row has one."""
    named = set(re.findall(r"\| `([\w/]+\.py)` \|", rows_under("Locks")))
    assert named == modules_calling("Lock", "RLock", "Condition")

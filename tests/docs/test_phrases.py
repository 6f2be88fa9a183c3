"""tools/phrases.py refuses what it lists, names the place, and reads what it says that it reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import phrases
from tools.phrases import ALLOWED, EXCLUDED, PHRASES, ROOT, findings, findings_in

REFUSED = (
    "The caller is told why.",
    "No memory could be had for it.",
    "It would wait for ever.",
    "It is built anew.",
    "It runs beside the node, and besides it counts.",
    "The profile stands above the header.",
    "The log says what befell it.",
    "The eldest goes first.",
    "Whoever calls gets an answer, and nobody waits.",
    "A datagram that is none is counted.",
    "This is no state of a delivery.",
    "The archive has promised to keep it.",
    "That is the archive's promise.",
    "The door of the store buries what it cannot mend.",
    "Two rooms share it.",
)


@pytest.mark.parametrize("text", REFUSED)
def test_each_listed_phrase_is_refused_with_a_reason_and_a_replacement(text: str) -> None:
    """The message says why, and what to write."""
    (first, *_) = findings("x.md", 1, text)
    assert re.fullmatch(r"x\.md:1: `.+`: .+\. Write: .+\.", str(first))


def test_every_phrase_of_the_list_has_an_example_here() -> None:
    """A pattern that matches nothing would be a rule without effect."""
    found = {finding.phrase for text in REFUSED for finding in findings("x.md", 1, text)}
    assert found == set(PHRASES)


def test_a_phrase_across_the_end_of_a_line_is_found_with_its_line() -> None:
    """Also in a block of comments, where a # stands between the words."""
    (finding,) = findings("x.py", 10, "# The caller\n# waits for\n# ever.")
    assert (finding.line, finding.text) == (11, "for ever")


def test_code_between_backticks_is_left_alone() -> None:
    """Names of events, keys and options stay what they are."""
    assert list(findings("x.md", 1, "The field `told`, and `beside`.")) == []


def test_names_in_code_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments and texts are read; a variable may have any name."""
    monkeypatch.setattr(phrases, "ROOT", tmp_path)
    source = tmp_path / "x.py"
    source.write_text('nobody = 1  # fine\nx = "all"\n# the\n# eldest\n')
    (finding,) = findings_in(source)
    assert (finding.line, finding.text) == (4, "eldest")


def test_of_the_changelog_only_what_is_not_released_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was released is history."""
    monkeypatch.setattr(phrases, "ROOT", tmp_path)
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## 2 - unreleased\n\nIt is anew.\n\n## 1\n\nIt is anew.\n")
    assert [finding.line for finding in findings_in(changelog)] == [5]


def test_what_is_excluded_or_allowed_exists() -> None:
    """An exception goes when its file goes."""
    for pattern in EXCLUDED:
        assert list(ROOT.glob(pattern)), pattern
    for name, texts in ALLOWED.items():
        source = (ROOT / name).read_text(encoding="utf-8").lower()
        assert all(text.lower() in source for text, _ in texts), name

"""A clinic's own templates of reports: next to the built-in ones, and each fault with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import Config
from echonode.config.loading import parse
from echonode.errors import ConfigError
from echonode.objects.reports.report_templates import built_in, templates

THYROID = """
code: thyroid
title: {en: Thyroid ultrasound, fr: Échographie thyroïdienne}
conclusions: [Normal.]
fields:
  - code: lobes
    label: {en: Lobes, fr: Lobes}
    choices: [normal, {en: enlarged, fr: augmentés}]
  - {code: nodules, label: Nodules}
"""


def config(folder: Path) -> Config:
    return parse(f"ae_title: ECHONODE\nreport: {{templates: {folder}}}\n", {})


def faults(folder: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        config(folder)
    return {fault.path: f"{fault.problem}. {fault.remedy}" for fault in caught.value.faults}


def test_own_templates_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    """After them unless they say otherwise; a text in one language stands for both."""
    (tmp_path / "thyroid.yaml").write_text(THYROID, encoding="utf-8")
    (tmp_path / "README.txt").write_text("not a template")
    found = templates(config(tmp_path).report.templates)
    assert list(found) == [*built_in(), "thyroid"]
    lobes, nodules = found["thyroid"].fields
    assert [each.within("fr") for each in lobes.choices] == ["normal", "augmentés"]
    assert (nodules.label.within("en"), nodules.label.within("fr")) == ("Nodules", "Nodules")


def test_one_with_the_code_of_a_built_in_one_takes_its_place(tmp_path: Path) -> None:
    """A clinic's own FAST."""
    (tmp_path / "fast.yaml").write_text(THYROID.replace("code: thyroid", "code: fast\norder: 0"))
    found = templates(config(tmp_path).report.templates)
    assert len(found) == len(built_in())
    assert next(iter(found)) == "fast"
    assert found["fast"].title.en == "Thyroid ultrasound"


@pytest.mark.parametrize(
    ("before", "after", "place", "words"),
    [
        ("code: thyroid", "code: Thy roid", "code", "Thy roid"),
        ("title: {en: Thyroid ultrasound, ", "title: {", "title.en", "is missing"),
        ("{code: nodules, ", "{code: lobes, ", "fields", "`lobes` is the code of two fields"),
        ("choices: [", "chioces: [", "fields[0].chioces", "choices"),
        ("conclusions: [Normal.]", "conclusions: [0104]", "conclusions[0]", "zero"),
    ],
)
def test_a_fault_names_file_place_and_remedy(
    tmp_path: Path, before: str, after: str, place: str, words: str
) -> None:
    """check-config and the start say it, with every other fault."""
    assert before in THYROID
    (tmp_path / "thyroid.yaml").write_text(THYROID.replace(before, after), encoding="utf-8")
    found = faults(tmp_path)
    assert list(found) == [f"report.templates, thyroid.yaml, {place}"]
    assert words in found[f"report.templates, thyroid.yaml, {place}"]


def test_a_folder_or_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Not there; not text; no YAML; two files with one code."""
    assert "cannot be read" in faults(tmp_path / "none")["report.templates"]
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "b.yaml").write_text("code: [")
    for name in ("c.yaml", "d.yaml"):
        (tmp_path / name).write_text(THYROID, encoding="utf-8")
    found = faults(tmp_path)
    assert "UTF-8" in found["report.templates, a.yaml"]
    assert any(path.startswith("report.templates, b.yaml") for path in found)
    assert "`thyroid`" in found["report.templates, d.yaml, code"]

"""The templates of reports, read from their files (objects/reports/templates/*.yaml).

Rules
- A file is read once, and a wrong one is an error of ours: the tests read them all.
- Every text is there in each language of LANGUAGES.
- A clinic's own templates stand next to them; one with the code of ours takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

import yaml

from echonode.config.report_templates import Template, read_folder
from echonode.errors import FieldRefused
from echonode.model.exam_report import LANGUAGES


@cache
def built_in() -> Mapping[str, Template]:
    """By code, in their order."""
    folder = resources.files("echonode.objects.reports") / "templates"
    read = [
        Template.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    ]
    return _in_order(read)


def templates(folder: Path | None) -> Mapping[str, Template]:
    """By code, in their order. folder: the clinic's own; a file of it with a fault is left out,
    which the configuration's check has named.
    """
    own = read_folder(folder)[0] if folder else {}
    return _in_order([*{**built_in(), **own}.values()])


def _in_order(read: list[Template]) -> Mapping[str, Template]:
    return {each.code: each for each in sorted(read, key=lambda each: (each.order, each.code))}


def template_named(code: str, known_templates: Mapping[str, Template]) -> Template:
    """Raises FieldRefused, which names those that there are."""
    found = known_templates.get(code)
    if found is None:
        known = ", ".join(known_templates)
        raise FieldRefused("template", "is not known", f"give one of {known}")
    return found


def checked_language(code: str) -> str:
    """Raises FieldRefused."""
    if code not in LANGUAGES:
        raise FieldRefused("language", "is not known", f"give one of {', '.join(LANGUAGES)}")
    return code

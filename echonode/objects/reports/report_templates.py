"""The templates of reports, read from their files (objects/reports/templates/*.yaml).

Rules
- A file is read once, and a wrong one is an error of ours: the tests read them all.
- Every text is there in each language of LANGUAGES.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from echonode.errors import FieldRefused
from echonode.model.exam_report import LANGUAGES

_CODE = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
_WORDS = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Part):
    """One text in each language."""

    en: _WORDS
    fr: _WORDS

    def within(self, language: str) -> str:
        """In one of LANGUAGES."""
        return self.fr if language == "fr" else self.en


class TemplateField(_Part):
    """What is asked. choices: what is offered; text of a person's own is always taken."""

    code: _CODE
    label: Text
    choices: tuple[Text, ...] = ()


class Template(_Part):
    """A kind of report. order: among the others. conclusions: what is offered for it."""

    code: _CODE
    order: int
    title: Text
    conclusions: tuple[Text, ...] = ()
    fields: Annotated[tuple[TemplateField, ...], Field(min_length=1)]


@cache
def templates() -> Mapping[str, Template]:
    """By code, in their order."""
    folder = resources.files("echonode.objects.reports") / "templates"
    read = [
        Template.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    ]
    return {each.code: each for each in sorted(read, key=lambda each: each.order)}


def template_named(code: str) -> Template:
    """Raises FieldRefused, which names those that there are."""
    found = templates().get(code)
    if found is None:
        known = ", ".join(templates())
        raise FieldRefused("template", "is not known", f"give one of {known}")
    return found


def checked_language(code: str) -> str:
    """Raises FieldRefused."""
    if code not in LANGUAGES:
        raise FieldRefused("language", "is not known", f"give one of {', '.join(LANGUAGES)}")
    return code

"""Templates of reports: what their files may say, and a clinic's own folder of them.

Rules
- A text is there in each language of the reports; one text alone stands for all of them.
- Every fault of every file is found at once, each with its file, its place and its remedy.
- A folder has limits: a template is read by a person who reports, not by a program.
- Files are read at the start. Reports keep their words, so a template may change or go afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from echonode.config.wording import fault_of
from echonode.config.yaml_tree import read_tree
from echonode.errors import ConfigError, ConfigFault

MOST_FILES = 100
MOST_BYTES = 256 * 1024
MOST_FIELDS, MOST_CHOICES = 50, 30  # of a template, and of a field: a screen shows no more
_AFTER_THE_BUILT_IN = 100  # the order of a template that says none

_WHOLE = "report.templates"

_CODE = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")]
_WORDS = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Part):
    """One text in each language."""

    en: _WORDS
    fr: _WORDS

    @model_validator(mode="before")
    @classmethod
    def _for_all(cls, given: Any) -> Any:
        return {"en": given, "fr": given} if isinstance(given, str) else given

    def within(self, language: str) -> str:
        """In one of LANGUAGES."""
        return self.fr if language == "fr" else self.en


class TemplateField(_Part):
    """What is asked. choices: what is offered; text of a person's own is always taken."""

    code: _CODE
    label: Text
    choices: Annotated[tuple[Text, ...], Field(max_length=MOST_CHOICES)] = ()


class Template(_Part):
    """A kind of report. order: among the others. conclusions: what is offered for it."""

    code: _CODE
    order: int = _AFTER_THE_BUILT_IN
    title: Text
    conclusions: Annotated[tuple[Text, ...], Field(max_length=MOST_CHOICES)] = ()
    fields: Annotated[tuple[TemplateField, ...], Field(min_length=1, max_length=MOST_FIELDS)]

    @field_validator("fields")
    @classmethod
    def _each_once(cls, fields: tuple[TemplateField, ...]) -> tuple[TemplateField, ...]:
        codes = [each.code for each in fields]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"`{twice[0]}` is the code of two fields")
        return fields


def read_folder(folder: Path) -> tuple[Mapping[str, Template], Sequence[ConfigFault]]:
    """The templates of a folder by their codes, and every fault of its `.yaml` files."""
    found: dict[str, Template] = {}
    faults: list[ConfigFault] = []
    try:
        files = sorted(each for each in folder.iterdir() if each.suffix == ".yaml")
    except OSError as error:
        problem = f"{folder} cannot be read: {error.strerror}"
        return {}, [_fault("", problem, "Give a folder that the node's user may read.")]
    if len(files) > MOST_FILES:
        remedy = "Keep the templates that are used."
        return {}, [_fault("", f"{folder} has more than {MOST_FILES} templates", remedy)]
    for file in files:
        try:
            template = _read(file)
        except ConfigError as error:
            faults += [_in_file(file, each) for each in error.faults]
            continue
        if template.code in found:
            problem = f"another file has the code `{template.code}` as well"
            faults.append(_in_file(file, _fault("code", problem, "Give each file its own.")))
        found[template.code] = template
    return found, faults


def _read(file: Path) -> Template:
    """Raises ConfigError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise ConfigError([_fault("", problem, "Let the node's user read it.")]) from None
    except UnicodeDecodeError:
        raise ConfigError([_fault("", "it is not UTF-8", "Save it as UTF-8.")]) from None
    if len(content) > MOST_BYTES:
        raise ConfigError([_fault("", "it is longer than 256 KiB", "Make it shorter.")])
    tree = read_tree(text)
    if tree.faults:
        raise ConfigError(list(tree.faults))
    try:
        return Template.model_validate(tree.values)
    except ValidationError as error:
        raise ConfigError([fault_of(each, Template) for each in error.errors()]) from None


def _in_file(file: Path, fault: ConfigFault) -> ConfigFault:
    place = f", {fault.path}" if fault.path != _WHOLE else ""
    return replace(fault, path=f"{_WHOLE}, {file.name}{place}", line=None)


def _fault(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path or _WHOLE, problem=problem, remedy=remedy)

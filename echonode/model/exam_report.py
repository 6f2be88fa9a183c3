"""A report of an exam as a value: what a person found, measured and chose to show.

Rules
- The text is kept as it was written, with the names of its fields: a template that changes later
  changes no report.
- Lengths have limits, so that each text fits an SR's TEXT (UT) and a page that people read.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from echonode.errors import FieldRefused

LONGEST_FINDING = 2_000  # characters of one field
LONGEST_CONCLUSION = 8_000
MOST_KEY_IMAGES = 24  # three pages of pictures
MOST_MEASUREMENTS = 400
LANGUAGES = ("en", "fr")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found. field: its code in the template; label: its name in the report's language."""

    field: str
    label: str
    text: str


@dataclass(frozen=True, kw_only=True)
class KeyImage:
    """One frame that the report shows. frame: from 1 on."""

    sop_instance_uid: str
    frame: int = 1


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """What a report says. template: its code. title, labels: in `language` (en, fr).

    measurements: ids of measurements that stand.
    """

    template: str
    language: str
    title: str
    findings: tuple[Finding, ...] = ()
    conclusion: str = ""
    key_images: tuple[KeyImage, ...] = ()
    measurements: tuple[str, ...] = ()


def report_text(field: str, text: str, *, longest: int) -> str:
    """Text as a person typed it, lines kept. Raises FieldRefused."""
    cleaned = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()
    if len(cleaned) > longest:
        raise FieldRefused(field, "is too long", f"use at most {longest} characters")
    for character in cleaned:
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co"):
            raise FieldRefused(field, "has a character that is no text", "leave it out")
    return cleaned

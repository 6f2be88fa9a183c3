"""A profile's section under `anonymise`: how copies are anonymised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from echonode.config.fields import Allowed, Name, Section

AnonymiseOption = Literal[
    "retain_safe_private",
    "retain_uids",
    "retain_device_identity",
    "retain_institution_identity",
    "retain_patient_characteristics",
    "retain_full_dates",
    "retain_modified_dates",
    "clean_descriptors",
    "clean_structured_content",
    "clean_graphics",
]
Keyword = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{1,63}$"), Allowed("a keyword of PS3.6")]
PrivateElement = Annotated[
    str,
    Field(pattern=r"^\([0-9A-Fa-f]{3}[13579BDFbdf],xx[0-9A-Fa-f]{2}\) ?[^\\\x00-\x1f]{1,64}$"),
    Allowed("a private attribute and its creator, such as (0119,xx05) MAKER"),
]
Word = Annotated[str, Field(pattern=r"^[^\W\d_]+(-[^\W\d_]+)*$", max_length=64), Allowed("a word")]


class Research(Section):
    """Research copies (docs/research.md)."""

    anonymise: Name | None = None
    """The profile under `anonymise`, or `basic`, that every research copy is anonymised by; without
    it, the command says by which. Example: study-7"""


class AnonymiseProfile(Section):
    """Options on top of the basic profile of PS3.15 annex E. docs/anonymised-copies.md has them."""

    options: Annotated[tuple[AnonymiseOption, ...], Field(max_length=10)] = ()
    """The options of PS3.15 E.3. Example: [retain_modified_dates, clean_descriptors]"""
    keep: Annotated[tuple[Keyword, ...], Field(max_length=100)] = ()
    """Attributes that stay as they are, whatever the profile says. Those that name the patient are
    refused. Example: [BodyPartExamined]"""
    keep_private: Annotated[tuple[PrivateElement, ...], Field(max_length=1000)] = ()
    """With `retain_safe_private`: private attributes that stay, with those that the standard
    lists as safe. Example: ["(0119,xx05) MAKER"]"""
    keep_words: Annotated[tuple[Word, ...], Field(max_length=10_000)] = ()
    """With `clean_descriptors`: words that stay in texts, with those that EchoNode knows.
    Example: [bladder]"""

    @model_validator(mode="after")
    def _fit(self) -> AnonymiseProfile:
        if {"retain_full_dates", "retain_modified_dates"} <= set(self.options):
            raise ValueError("`retain_full_dates` and `retain_modified_dates` exclude each other")
        if self.keep_private and "retain_safe_private" not in self.options:
            raise ValueError("`keep_private` goes with `retain_safe_private` only")
        if self.keep_words and "clean_descriptors" not in self.options:
            raise ValueError("`keep_words` goes with `clean_descriptors` only")
        return self

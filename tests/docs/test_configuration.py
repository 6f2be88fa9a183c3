"""docs/configuration.md has every key of the file, as the schema has it."""

from __future__ import annotations

import pytest
import yaml
from pydantic import TypeAdapter

from echonode.config import Config
from echonode.config.fields import Section
from tools.reference.configuration import Key, sections

KEYS = [key for _, _, keys in sections() for key in keys]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.path}.{key.name}".lstrip("."))
def test_each_key_says_what_it_means_and_has_an_example_that_is_accepted(key: Key) -> None:
    """A reader can copy the example of any key into a file."""
    assert key.meaning.endswith("."), "the text below a key in the schema says what it means"
    assert key.example, "the text below a key in the schema ends with: Example: VALUE"
    TypeAdapter(key.field.rebuild_annotation()).validate_python(yaml.safe_load(key.example))


def test_an_example_that_does_not_fit_is_noticed() -> None:
    """The check above refuses a wrong value of a limited key."""
    (key,) = (key for key in KEYS if (key.path, key.name) == ("web", "port"))
    with pytest.raises(ValueError, match="65535"):
        TypeAdapter(key.field.rebuild_annotation()).validate_python(70000)


def test_a_new_key_without_a_text_is_noticed() -> None:
    """A new key must say what it means."""

    class Small(Section):
        said: int = 1
        """What it means. Example: 2"""
        unsaid: int = 1

    ((_, _, keys),) = sections(Small)
    assert [(key.meaning, key.example) for key in keys] == [("What it means.", "2"), ("", "")]


def test_no_section_is_left_out() -> None:
    """Sections in lists, under names and in other sections are all there."""
    paths = [path for path, _, _ in sections(Config)]
    assert {"listen[].tls", "peers.NAME.tls", "destinations[].statuses.NAME"} <= set(paths)
    assert {"probes[].capture.patient", "probes[].profile", "retention"} <= set(paths)

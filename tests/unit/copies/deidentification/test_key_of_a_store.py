"""One key for all copies of a store: another one, or none where there was one, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import Config
from echonode.copies.deidentification.configured import check_same_key, profile_named
from echonode.copies.deidentification.key_file import pseudonym_key
from echonode.errors import OperatorRefused, UsageError
from echonode.store.files.layout import Layout


def checked(data_dir: Path, notes: dict[str, str]) -> None:
    config = Config.model_validate({"ae_title": "A", "data_dir": data_dir})
    check_same_key(config, read=lambda key: notes.get(key, ""), write=notes.__setitem__)


def test_the_key_that_copies_were_made_with_is_known_again(tmp_path: Path) -> None:
    """Its mark tells nothing of it."""
    notes: dict[str, str] = {}
    checked(tmp_path, notes)
    checked(tmp_path, notes)
    [mark] = notes.values()
    assert mark not in pseudonym_key(Layout(tmp_path)).hex()


def test_another_key_is_refused_and_none_is_not_made_new(tmp_path: Path) -> None:
    """An image would go under a second UID, and its patient under a second name."""
    notes: dict[str, str] = {}
    checked(tmp_path, notes)
    Layout(tmp_path).pseudonyms_key.unlink()
    with pytest.raises(OperatorRefused, match="is not in data_dir, and earlier"):
        checked(tmp_path, notes)
    assert not Layout(tmp_path).pseudonyms_key.exists()
    pseudonym_key(Layout(tmp_path))
    with pytest.raises(OperatorRefused, match="is another key"):
        checked(tmp_path, notes)


def test_an_unknown_profile_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    """As the command and the routes say it."""
    config = Config.model_validate({"ae_title": "A", "anonymise": {"teaching": {}}})
    assert profile_named("teaching", config).name == "teaching"
    with pytest.raises(UsageError, match="give one of basic, teaching"):
        profile_named("other", config)

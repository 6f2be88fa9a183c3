"""Where a master key comes from, and what is said where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echonode.at_rest.key_sources import KeySource, KeyUnusable

KEY = "0123456789abcdefABCDEF0123456789" * 2


def test_the_three_ways_give_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a credential of systemd and the output of a command; white space does not count."""
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    keys = [
        KeySource(file=tmp_path / "key").key(),
        KeySource(credential="key").key(),
        KeySource(command=("cat", str(tmp_path / "key"))).key(),
    ]
    assert {key.secret.hex() for key in keys} == {KEY.lower()}
    assert KEY.lower() not in repr(keys)


@pytest.mark.parametrize("content", ["", KEY[:-1], f"{KEY}0", "x" * 64, "a passphrase"])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, content: str) -> None:
    """The error says what a key is."""
    (tmp_path / "key").write_text(content)
    with pytest.raises(KeyUnusable, match="64 hexadecimal digits") as refused:
        KeySource(file=tmp_path / "key").key()
    assert not content or content not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (KeySource(file=Path("/nowhere/key")), "cannot be read"),
        (KeySource(command=("/nowhere/program",)), "cannot be run"),
        (KeySource(command=("sh", "-c", "echo locked >&2; exit 3")), r"status 3 \(locked\)"),
        (KeySource(credential="key"), "CREDENTIALS_DIRECTORY is not set"),
    ],
)
def test_a_source_that_gives_nothing_is_named(
    source: KeySource, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert "CREDENTIALS_DIRECTORY" not in os.environ
    with pytest.raises(KeyUnusable, match=problem) as refused:
        source.key()
    assert refused.value.remedy

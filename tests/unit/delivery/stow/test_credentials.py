"""The Authorization header, and files that cannot be used."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from echonode.delivery.stow.credentials import LONGEST, authorization
from echonode.errors import AssociationRejected
from echonode.model.identity import WebAccess


def of(**given: object) -> WebAccess:
    return WebAccess(is_encrypted=True, path="", **given)  # type: ignore[arg-type]  # by name


def test_a_token_and_a_password_are_read_each_time(tmp_path: Path) -> None:
    """A renewed token counts without a restart."""
    file = tmp_path / "token"
    file.write_text("abc.def==\n")
    assert authorization(of(token_file=file)) == "Bearer abc.def=="
    file.write_text("new")
    assert authorization(of(token_file=file)) == "Bearer new"
    kind, _, pair = authorization(of(user="u", password_file=file)).partition(" ")
    assert (kind, b64decode(pair)) == ("Basic", b"u:new")
    assert authorization(of()) == ""


@pytest.mark.parametrize("content", [b"", b"se cret", b"a\r\nX: y", b"\xff", b"a" * (LONGEST + 1)])
def test_what_is_no_token_is_not_sent_and_not_shown(tmp_path: Path, content: bytes) -> None:
    """It would end up in a header, or in the log."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(AssociationRejected, match="token_file") as caught:
        authorization(of(token_file=file))
    assert "cret" not in str(caught.value)
    assert not caught.value.transient


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """The destination is paused until it is there."""
    with pytest.raises(AssociationRejected, match="cannot be read: there is no such file"):
        authorization(of(token_file=tmp_path / "none"))

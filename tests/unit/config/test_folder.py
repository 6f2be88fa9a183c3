"""What can be seen of data_dir before the node is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echonode.config import parse
from echonode.config.folder import folder_doubts


def doubts(data_dir: Path) -> list[str]:
    config = parse(f"{{ae_title: ECHONODE, data_dir: {data_dir}}}", {})
    return [str(doubt) for doubt in folder_doubts(config)]


def test_a_folder_of_our_own_is_no_doubt(tmp_path: Path) -> None:
    """One that is there and closed, and one that can be made."""
    (tmp_path / "var").mkdir(mode=0o700)
    assert doubts(tmp_path / "var") == []
    assert doubts(tmp_path / "var" / "a" / "b") == []


def test_a_folder_that_is_open_to_others_is_told_with_the_remedy(tmp_path: Path) -> None:
    """Names of patients are in the database."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o755)
    [doubt] = doubts(tmp_path / "var")
    assert "open to other users of this machine (mode 755)" in doubt
    assert doubt.endswith(f"chmod 700 {tmp_path / 'var'}")


def test_a_place_where_nothing_can_be_made_is_told() -> None:
    """Before a start finds out."""
    [doubt] = doubts(Path("/proc/x"))
    assert doubt.startswith("data_dir: /proc/x cannot be made here")


def test_a_folder_that_may_not_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the permissions of the user who checks."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    [doubt] = doubts(tmp_path)
    assert "cannot be written here" in doubt

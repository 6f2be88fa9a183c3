"""The key of this machine's commands: for the node's user alone, and new at each start."""

from __future__ import annotations

import stat
from pathlib import Path

import structlog

from echonode.access.random_secrets import digest
from echonode.node.local_key import read_local_key, write_local_key


def test_the_key_is_read_by_its_user_alone(tmp_path: Path) -> None:
    """Mode 0600 from the moment it exists; the node keeps its digest."""
    kept = write_local_key(tmp_path)
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert digest(read_local_key(tmp_path)) == kept


def test_each_start_makes_another(tmp_path: Path) -> None:
    """What an earlier start left is worth nothing, also a file that was cut off."""
    first = write_local_key(tmp_path)
    (tmp_path / "web.part").write_text("cut off")
    second = write_local_key(tmp_path)
    assert first != second
    assert digest(read_local_key(tmp_path)) == second


def test_where_it_cannot_be_written_nothing_fits(tmp_path: Path) -> None:
    """The node starts, and says so."""
    with structlog.testing.capture_logs() as logged:
        assert write_local_key(tmp_path / "missing") == b""
    assert [each["event"] for each in logged] == ["local_key_not_written"]
    assert read_local_key(tmp_path / "missing") == ""

"""A database file that cannot be opened costs no descriptor."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.store.database.sqlite_engine import writer_engine

pytestmark = pytest.mark.sqlite


def test_a_damaged_file_is_closed_again(tmp_path: Path) -> None:
    """At once, and not when its exception is forgotten: recovery opens the next one meanwhile."""
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"noise" * 4096)
    with pytest.raises(sa.exc.DatabaseError) as caught:
        writer_engine(path).connect()
    assert caught.value is not None
    opened = [one.readlink() for one in Path("/dev/fd").iterdir() if one.is_symlink()]
    assert path not in opened

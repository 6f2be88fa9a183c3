"""Where files go, and that they go nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echonode.errors import OutOfSpace
from echonode.store.files.kept_lines import KeptLines
from echonode.store.files.layout import FileIds, Layout


def test_instances_that_are_taken_away_are_not_made_anew(tmp_path: Path) -> None:
    """A disk that is unmounted while the node runs is a refusal: nothing is stored in its mount
    point, where no one would find it once the disk is back.
    """
    layout = Layout(tmp_path / "data")
    layout.make()
    ids = FileIds(layout)
    ids.new()
    ids.leave_folder()
    elsewhere = layout.instances.rename(tmp_path / "elsewhere")
    with pytest.raises(OutOfSpace, match="No such file"):
        ids.new()
    assert not layout.instances.exists()
    elsewhere.rename(layout.instances)
    assert layout.instance_file(ids.new()).parent.is_dir()


def test_scan_lines_make_no_data_folder(tmp_path: Path) -> None:
    """Of a data folder that was taken away, neither."""
    with pytest.raises(OutOfSpace):
        KeptLines(tmp_path / "data").write("1.2", {"lines": np.zeros(1)})
    assert list(tmp_path.iterdir()) == []

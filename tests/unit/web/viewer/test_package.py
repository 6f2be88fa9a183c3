"""Where the viewer is looked for, and that it is pinned."""

from __future__ import annotations

import sys
from pathlib import Path

from echonode.web.viewer.package import PATH, SHA512, VERSION, folders, installed_in


def test_one_version_is_pinned_by_its_hash() -> None:
    """As the registry publishes it: 512 bits, and the version in the file's name."""
    assert len(bytes.fromhex(SHA512)) == 64
    assert VERSION in PATH


def test_the_configured_folder_goes_before_that_of_the_installation(tmp_path: Path) -> None:
    """A viewer counts as installed once its start page is there."""
    own, data_dir = tmp_path / "own", tmp_path / "var"
    assert folders(own, data_dir)[0] == own
    candidates = folders(None, data_dir)
    assert candidates[0] == data_dir / "viewer"
    assert candidates[1].is_relative_to(sys.prefix)
    assert installed_in([own, data_dir]) is None
    for folder in (data_dir, own):
        (folder / VERSION).mkdir(parents=True)
        assert installed_in([folder]) is None
        (folder / VERSION / "index.html").touch()
    assert installed_in([own, data_dir]) == own / VERSION

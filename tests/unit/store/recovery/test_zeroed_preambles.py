"""A file without a row may have been put there by any program: its preamble is zeroed first."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.store.files.file_meta import zero_preamble
from echonode.store.store import Store
from tests.support.store_engine import lose_database
from tests.unit.store.samples import Clock, put_many

PROGRAM = b"MZ\x90\0".ljust(128, b"\x90")


@pytest.mark.slow
def test_a_file_without_a_row_is_adopted_with_a_preamble_of_zeros(
    data_dir: Path, clock: Clock
) -> None:
    """The index is lost and a file has become a program: it is adopted, its dataset unchanged."""
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 1, "pacs")
    (path,) = data_dir.glob("instances/*/*/*.dcm")
    before = path.read_bytes()
    path.write_bytes(PROGRAM + before[128:])
    lose_database(data_dir)
    with Store.open(data_dir, now=clock) as store:
        assert store.recovery.report.orphans_adopted == 1
        (uid,) = store.recovery.report.adopted
        kept = store.index.instance(uid)
        assert kept is not None
        store.files.check_bytes(kept)
    assert path.read_bytes() == before


def test_only_a_dicom_file_is_changed(tmp_path: Path) -> None:
    """What is no Part 10 file is left as it is; so is one whose preamble is zeros."""
    for content in (b"MZ", PROGRAM, PROGRAM + b"dicm" + bytes(40), bytes(128) + b"DICM"):
        path = tmp_path / "file"
        path.write_bytes(content)
        assert zero_preamble(path) == b""
        assert path.read_bytes() == content

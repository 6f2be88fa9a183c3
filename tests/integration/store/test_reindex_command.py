"""`echonode reindex` as a shell sees it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from echonode.store.read_only_store import open_read_only
from echonode.store.store import Store
from tests.starts.commands import echonode
from tests.unit.store.samples import put_many

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A store of twenty instances, closed in order."""
    with Store.open(tmp_path / "var") as store:
        put_many(store, 20)
    return tmp_path / "var"


def reindex(data_dir: Path) -> subprocess.CompletedProcess[str]:
    config = data_dir.parent / "echonode.yaml"
    config.write_text(f"ae_title: ECHONODE\ndata_dir: {data_dir}\n")
    return echonode("reindex", "--config", config, timeout_s=50)


def held(data_dir: Path) -> int:
    with open_read_only(data_dir) as store:
        return len(list(store.ledger.rows()))


def test_a_running_node_keeps_its_index(data_dir: Path) -> None:
    """Refused with a word of what to do, exit code 1."""
    with Store.open(data_dir):
        done = reindex(data_dir)
    assert done.returncode == 1
    assert "another EchoNode runs" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sound_index_is_read_again(data_dir: Path) -> None:
    """Every file, with a count and exit code 0."""
    done = reindex(data_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Instances read again: 20. Counts corrected: 0." in done.stdout
    assert held(data_dir) == 20


@pytest.mark.parametrize("database", ["lost", "torn"])
def test_a_lost_or_damaged_index_comes_back_from_the_files(data_dir: Path, database: str) -> None:
    """Every instance is in it again, and exit code 0 says so."""
    index = data_dir / "index.sqlite"
    if database == "lost":
        index.unlink()
    else:
        index.write_bytes(b"not a database" * 1000)
    done = reindex(data_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rebuilt from the files" in done.stdout
    assert "Files without a row, now in the index: 20." in done.stdout
    assert held(data_dir) == 20


def test_files_that_are_gone_are_counted(data_dir: Path) -> None:
    """Exit code 1 and their number: the operator learns it, nothing is removed."""
    next((data_dir / "instances").rglob("*.dcm")).unlink()
    done = reindex(data_dir)
    assert done.returncode == 1
    assert "Instances without a readable file: 1." in done.stdout
    assert held(data_dir) == 20


def test_files_that_are_not_what_was_stored_are_told(data_dir: Path) -> None:
    """Every byte is compared: one turned bit is found, said, and exit code 1; repaired, it is 0."""
    path = next((data_dir / "instances").rglob("*.dcm"))
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    done = reindex(data_dir)
    assert done.returncode == 1
    assert "Files that are not what was stored: 1" in done.stdout.replace("\n", " ")
    path.write_bytes(good)
    assert reindex(data_dir).returncode == 0

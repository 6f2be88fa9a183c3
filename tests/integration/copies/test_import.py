"""Media of ours come back: hash by hash, with a node that runs and without one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from echonode.audit.codes import Kind
from echonode.audit.trail.inbox import waiting
from echonode.audit.trail.trail import TrailPaths
from echonode.cli import app
from echonode.store.read_only_store import open_read_only
from tests.integration.copies.stored_studies import (
    IMAGE,
    STUDY,
    config_of,
    fill,
    new_store,
)
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port
from tests.unit.store.samples import dataset, put

pytestmark = pytest.mark.slow


def echonode(*words: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def hashes(data_dir: Path) -> dict[str, str]:
    """UID -> hash of the data set's bytes as they lie on the disk."""
    found = {}
    with open_read_only(data_dir) as store:
        for row in store.ledger.rows():
            instance = store.index.instance(row.sop_instance_uid)
            assert instance is not None
            content = instance.path.read_bytes()[instance.dataset_offset :]
            found[row.sop_instance_uid] = hashlib.sha256(content).hexdigest()
    return found


def round_trip(folder: Path, count: int, kind: str) -> None:
    """A study of `count` images to a medium, and into an empty store."""
    folder.mkdir()
    with new_store(folder) as store:
        for number in range(1, count + 1):
            series = f"{STUDY}.{number % 7}"
            put(store, dataset(number, **{**IMAGE, "SeriesInstanceUID": series}))
    medium = folder / f"m{kind}"
    done = echonode("export", "--study", STUDY, "--media", medium, "--config", config_of(folder))
    assert done.exit_code == 0, done.output
    other = folder / "other"
    other.mkdir()
    (other / "var").mkdir()
    with new_store(other):
        pass
    done = echonode("import", medium, "--config", config_of(other))
    assert done.exit_code == 0, done.output
    assert f"stored: {count}" in done.stdout
    assert hashes(other / "var") == hashes(folder / "var")
    again = echonode("import", medium, "--config", config_of(other))
    assert f"already here: {count}" in again.stdout
    assert again.exit_code == 0


def test_what_left_and_what_came_is_in_the_audit_trail(tmp_path: Path) -> None:
    """A copy has its record before it is there: which study, and where to."""
    folder, other = tmp_path / "a", tmp_path / "b"
    for each in (folder, other):
        each.mkdir()
        new_store(each).close()
    with new_store(folder) as store:
        put(store, dataset(1, **IMAGE))
    words = ("--study", STUDY, "--media", tmp_path / "m", "--config", config_of(folder))
    assert echonode("export", *words).exit_code == 0
    [(_, left)] = waiting(TrailPaths.below(folder / "var").inbox)
    assert (left.kind, left.about) == (Kind.EXPORT, (STUDY,))
    assert left.participants[1].user == (tmp_path / "m").as_uri()
    assert echonode("import", tmp_path / "m", "--config", config_of(other)).exit_code == 0
    [(_, came)] = waiting(TrailPaths.below(other / "var").inbox)
    assert (came.kind, came.about) == (Kind.IMPORT, ("1.2.3.4.1",))


@pytest.mark.parametrize("kind", ["", ".zip"])
def test_sixty_images_come_back_hash_by_hash(tmp_path: Path, kind: str) -> None:
    """By a folder and by a ZIP file; a second time they are already there."""
    round_trip(tmp_path / "a", 30, kind)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_two_thousand_images_come_back_hash_by_hash(tmp_path: Path) -> None:
    """The number that a long day has."""
    round_trip(tmp_path / "a", 2000, "")


def test_other_bytes_under_a_known_uid_go_to_quarantine(tmp_path: Path) -> None:
    """The first stays; the conflict is named by its file, and the exit status says so."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, name in ((first, "Doe^Jane"), (second, "Roe^Jane")):
        folder.mkdir()
        with new_store(folder) as store:
            put(store, dataset(1, **IMAGE, PatientName=name))
    words = ("--study", STUDY, "--media", tmp_path / "m", "--config", config_of(first))
    assert echonode("export", *words).exit_code == 0
    before = hashes(second / "var")
    done = echonode("import", tmp_path / "m", "--config", config_of(second))
    assert done.exit_code == 1
    assert "in conflict with what is here, kept in quarantine: 1" in done.stdout
    assert "IM000001: another instance of the same UID is here" in done.stderr
    assert hashes(second / "var") == before
    assert list((second / "var" / "quarantine").rglob("*.dcm"))


def test_what_cannot_be_read_is_refused_and_named(tmp_path: Path) -> None:
    """A file cut short and one that is no image are counted; the good one comes in."""
    folder, other, box = tmp_path / "a", tmp_path / "b", tmp_path / "box"
    for each in (folder, other, box):
        each.mkdir()
    with new_store(folder) as store:
        put(store, dataset(1, **IMAGE))
    words = ("--study", STUDY, "--media", tmp_path / "m", "--config", config_of(folder))
    assert echonode("export", *words).exit_code == 0
    [file] = (tmp_path / "m").glob("DICOM/*/*/*/*")
    (box / "good").write_bytes(file.read_bytes())
    (box / "cut").write_bytes(file.read_bytes()[:400])
    (box / "text").write_text("no image")
    with new_store(other):
        pass
    done = echonode("import", box, "--config", config_of(other))
    assert done.exit_code == 1
    assert {"stored: 1", "refused: 1", "not DICOM: 1"} <= set(done.stdout.splitlines())
    assert done.stderr.startswith("cut: its data set ")


@pytest.mark.long
def test_a_running_node_takes_them(
    tmp_path: Path, make_echonode: Callable[..., EchoNodeProcess]
) -> None:
    """By its web port, with the same counts; it holds the store, so the command does not."""
    with new_store(tmp_path) as store:
        uids = fill(store)
    words = ["--study", STUDY, "--study", "1.2.3.7", "--study", "1.2.3.8"]
    config = config_of(tmp_path)
    assert echonode("export", *words, "--media", tmp_path / "m", "--config", config).exit_code == 0
    node = make_echonode(extra={"web": {"port": free_port()}})
    done = node.command("import", str(tmp_path / "m"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"stored: {len(uids)}\n"
    assert node.command("import", str(tmp_path / "m")).stdout == f"already here: {len(uids)}\n"
    assert hashes(node.data_dir) == hashes(tmp_path / "var")
    words = ["--study", STUDY, "--media", str(tmp_path / "of the node")]
    assert node.command("export", *words).returncode == 0, "it runs, and is read"

"""A store moves from SQLite and disk to PostgreSQL and S3, and back: every row, every byte."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.errors import ConfigError, OperatorRefused, RestoreUnfinished, UsageError
from echonode.store.moving import move as moving
from echonode.store.moving.move import Moved, move
from echonode.store.moving.place import Place
from echonode.store.store import Store
from tests.peers.object_stores import ENVIRONMENT, MotoServer
from tests.peers.postgres import PostgresServer
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def server() -> Iterator[MotoServer]:
    with MotoServer() as running:
        yield running


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """A store on this machine: six instances, four committed, one counter used."""
    place = Place(data_dir=tmp_path / "here")
    with Store.open(place.data_dir, now=Clock()) as store:
        put_many(store, 4, "pacs")
        commit_all(store, Clock())
        put(store, dataset(5), destinations=["pacs"])
        put(store, dataset(6))
        store.deliveries.claim("pacs", now=NOON, limit=1)  # a kill leaves it `sending`
    return place


def opened(place: Place) -> Store:
    return Store.open(place.data_dir, now=Clock(), index_url=place.index_url, objects=place.objects)


def content(place: Place) -> dict[str, object]:
    """What the ledger and the files of a store say."""
    with opened(place) as store:
        for row in store.ledger.rows():
            instance = store.index.instance(row.sop_instance_uid)
            assert instance is not None
            store.files.check_bytes(instance)
        rows = {row.sop_instance_uid: row for row in store.ledger.rows()}
        return {"rows": rows, "node": store.node_id, "missing": store.recovery.report.missing}


def test_a_store_moves_to_servers_and_back(
    here: Place, server: MotoServer, postgres: PostgresServer, tmp_path: Path
) -> None:
    """All of it is the same there, and here again; new instances are taken in at either end."""
    there = Place(
        data_dir=tmp_path / "there",
        index_url=postgres.create_database("moved"),
        objects=server.settings(tmp_path / "cache", prefix="moved"),
    )
    assert move(here, there, now=NOON).files == 6
    before = content(there)
    assert content(here) == before  # each start has the interrupted delivery due again
    with opened(there) as store:
        put(store, dataset(7), destinations=["pacs"])
    back = Place(data_dir=tmp_path / "back")
    moved = move(there, back, now=NOON)
    assert (moved.files, moved.left_out) == (7, ())
    assert content(back)["rows"].keys() == before["rows"].keys() | {"1.2.3.4.7"}  # type: ignore[attr-defined]  # of content
    with opened(back) as store:
        put(store, dataset(8))


def test_a_move_that_is_interrupted_goes_on(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No node starts on what is half there; the files that are whole are not copied again."""
    there = Place(data_dir=tmp_path / "there")

    def cut(*_: object, **__: object) -> int:
        raise OperatorRefused("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(moving, "copy_rows", cut)
        with pytest.raises(OperatorRefused, match="cut off"):
            move(here, there, now=NOON)
    with pytest.raises(RestoreUnfinished):
        opened(there)
    moved = move(here, there, now=NOON)
    assert (moved.files, moved.there) == (0, 6)
    assert content(there) == content(here)


def test_a_damaged_file_is_named_before_a_row_is_moved(here: Place, tmp_path: Path) -> None:
    """On request the rest is moved, and the new store shows it as missing."""
    copy = min((here.data_dir / "instances").rglob("*.dcm"))
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    there = Place(data_dir=tmp_path / "there")
    with pytest.raises(OperatorRefused, match="damaged or missing"):
        move(here, there, now=NOON)
    moved: Moved = move(here, there, now=NOON, without_damaged=True)
    assert (moved.there, len(moved.left_out)) == (5, 1)
    with opened(there) as store:
        while store.recovery.step():
            pass
        assert store.recovery.report.missing == moved.left_out


def test_a_store_that_is_in_use_or_has_instances_is_refused(here: Place, tmp_path: Path) -> None:
    """Nothing is moved over another store, nor from under a node."""
    there = Place(data_dir=tmp_path / "there")
    with opened(here), pytest.raises(UsageError, match="a node runs"):
        move(here, there, now=NOON)
    with opened(there) as store:
        put(store, dataset(9))
    with pytest.raises(UsageError, match="has instances"):
        move(here, there, now=NOON)
    with pytest.raises(UsageError, match="of its own"):
        move(here, here, now=NOON)


def test_the_new_store_knows_its_place(here: Place, server: MotoServer, tmp_path: Path) -> None:
    """With the old configuration's `objects` it does not start."""
    there = Place(
        data_dir=tmp_path / "there", objects=server.settings(tmp_path / "cache", prefix="place")
    )
    move(here, there, now=NOON)
    with pytest.raises(ConfigError, match="are in s3://"):
        opened(Place(data_dir=there.data_dir))


def test_the_command_says_what_was_moved(here: Place, tmp_path: Path) -> None:
    """From one configuration's store to another's, with exit status 0."""
    files = []
    for name in ("here", "there"):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(f"ae_title: ECHONODE\ndata_dir: {tmp_path / name}\n")
    done = subprocess.run(
        [sys.executable, "-m", "echonode", "move-store", "--config", files[0], "--to", files[1]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "6 copied, 0 there already" in done.stdout) == (0, True), done.stderr

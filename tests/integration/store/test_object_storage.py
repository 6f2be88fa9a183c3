"""Instances in a real S3 server's bucket: what is acknowledged is there, with the same bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset

from echonode.commands.import_ways import way_in
from echonode.commands.patient_erasure import erase_patient
from echonode.config import Config, parse
from echonode.copies.media.importing import Taken
from echonode.errors import ConfigError, Damaged, OutOfSpace
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import StoredInstance, bytes_of
from echonode.monitoring.preflight.objects_check import check_objects
from echonode.store.objects import honesty
from echonode.store.objects.bucket import Bucket, ObjectsAt
from echonode.store.objects.cache import FileCache
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from echonode.store.values import StoreOutcome
from tests.peers.object_stores import BUCKET, ENVIRONMENT, MotoServer, ObjectStore, S3rver
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, encoded, put, put_many

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server() -> Iterator[MotoServer]:
    with MotoServer() as running:
        yield running


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def at(server: MotoServer, tmp_path: Path) -> ObjectsAt:
    """A prefix of the test's own."""
    return server.settings(tmp_path / "cache", prefix=tmp_path.name.replace("_", "-"))


@pytest.fixture
def bucket(at: ObjectsAt) -> Bucket:
    return Bucket(at)


@pytest.fixture
def store(at: ObjectsAt, tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock(), objects=at) as opened:
        yield opened


def kept(store: Store, uid: str) -> StoredInstance:
    instance = store.index.instance(uid)
    assert instance is not None
    return instance


def keys(bucket: Bucket, folder: str = "instances/") -> list[str]:
    return [each.key for each in bucket.list(folder)]


def dataset_in(path: Path, instance: StoredInstance) -> bytes:
    return path.read_bytes()[instance.dataset_offset :]


def test_an_acknowledged_instance_is_in_the_bucket_and_not_only_here(
    store: Store, bucket: Bucket, tmp_path: Path
) -> None:
    """Without the cache it is fetched, whole; data_dir holds no file of it."""
    put(store, dataset(1))
    instance = kept(store, "1.2.3.4.1")
    assert len(keys(bucket)) == 1
    assert list((tmp_path / "var" / "instances").rglob("*.dcm")) == []
    instance.path.unlink()
    assert dataset_in(bytes_of(instance), instance) == encoded(dataset(1))
    store.files.check_bytes(instance)


def test_the_same_bytes_again_are_a_success_that_leaves_one_object(
    store: Store, bucket: Bucket
) -> None:
    """And where the object is gone, the second takes its place."""
    put(store, dataset(1))
    assert put(store, dataset(1)).outcome is StoreOutcome.DUPLICATE
    assert len(keys(bucket)) == 1
    bucket.delete(keys(bucket)[0])
    with pytest.raises(Damaged):
        store.files.check_bytes(kept(store, "1.2.3.4.1"))
    assert put(store, dataset(1)).outcome is StoreOutcome.FILE_REPLACED
    store.files.check_bytes(kept(store, "1.2.3.4.1"))


def test_a_server_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    """The sender gets A700 and keeps its instance; no row says that it is here."""
    with (
        MotoServer() as server,
        Store.open(
            tmp_path / "var", now=Clock(), objects=server.settings(tmp_path / "cache")
        ) as store,
    ):
        put(store, dataset(1))
        server.kill()
        with pytest.raises(OutOfSpace, match="object storage"):
            put(store, dataset(2))
        assert store.index.instance("1.2.3.4.2") is None
        assert store.durability.problem
        kept(store, "1.2.3.4.1").path.unlink()
        with pytest.raises(OutOfSpace, match="object storage"):
            bytes_of(kept(store, "1.2.3.4.1"))


def test_a_put_whose_answer_was_lost_meets_its_own_object(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a success when repeated; under the same key other bytes never are."""
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"one")
    other.write_bytes(b"two")
    putting, calls = bucket._put_once, []

    def answer_is_lost(key: str, source: Path, sha256: str) -> None:
        putting(key, source, sha256)
        calls.append(key)
        raise OSError("the connection was reset")

    monkeypatch.setattr(bucket, "_put_once", answer_is_lost)
    bucket.put("trials/x", file, hashlib.sha256(b"one").hexdigest())
    assert len(calls) == 1
    monkeypatch.undo()
    with pytest.raises(OutOfSpace):
        Bucket(bucket.at).put("trials/x", other, hashlib.sha256(b"two").hexdigest())
    assert b"".join(bucket.read("trials/x")) == b"one"


def test_deletion_takes_the_object_after_the_tombstone(store: Store, bucket: Bucket) -> None:
    """Also what the server refused to delete, later."""
    put_many(store, 2, "pacs")
    commit_all(store, Clock())
    store.retention.observe(60)
    store.retention.observe(60)
    policy = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})
    assert len(store.retention.recycle(policy, now=NOON)) == 2
    assert keys(bucket) == []
    assert list(bucket.at.cache_dir.rglob("*.dcm")) == []


def test_a_conflict_is_kept_as_evidence(store: Store, bucket: Bucket) -> None:
    """Under a key of its own, and the first stays the instance."""
    put(store, dataset(1))
    with pytest.raises(Exception, match="already stored with other bytes"):
        put(store, dataset(1, PixelData=b"else"))
    assert (len(keys(bucket)), len(keys(bucket, "quarantine/"))) == (1, 1)
    store.files.check_bytes(kept(store, "1.2.3.4.1"))


def test_an_object_without_a_row_is_taken_in_after_a_day(at: ObjectsAt, tmp_path: Path) -> None:
    """Not before: another node may be about to write its row."""
    clock = Clock()
    with Store.open(tmp_path / "var", now=clock, objects=at) as store:
        put(store, dataset(1))
    (tmp_path / "var" / "index.sqlite").unlink()
    with Store.open(tmp_path / "var", now=clock, objects=at) as store:
        assert store.recovery.report.adopted == ("1.2.3.4.1",)  # the database was lost: at once
    orphan = next(at.cache_dir.rglob("*.dcm")).read_bytes()
    orphan = orphan.replace(b"1.2.3.4.1", b"1.2.3.4.7")
    (tmp_path / "orphan").write_bytes(orphan)
    Bucket(at).put(f"instances/ab/cd/abcd{'0' * 28}.dcm", tmp_path / "orphan", "0" * 64)
    put_at = Bucket(at).facts(f"instances/ab/cd/abcd{'0' * 28}.dcm").modified
    clock.time = put_at + timedelta(hours=23)
    with Store.open(tmp_path / "var", now=clock, objects=at) as store:
        assert store.recovery.report.adopted == ()
        clock.time = put_at + timedelta(hours=25)
        store.recovery.look_again()
        while store.recovery.step():
            pass
        assert store.recovery.report.adopted == ("1.2.3.4.7",)
        assert store.recovery.report.missing == ()


def test_a_store_is_not_opened_where_its_instances_are_not(at: ObjectsAt, tmp_path: Path) -> None:
    """Neither with files nor in another bucket; an empty one may move."""
    Store.open(tmp_path / "var", now=Clock()).close()
    with Store.open(tmp_path / "var", now=Clock(), objects=at) as store:
        put(store, dataset(1))
    with pytest.raises(ConfigError, match="are in s3://"):
        Store.open(tmp_path / "var", now=Clock())
    Store.open(tmp_path / "var", now=Clock(), objects=at).close()


def test_part_of_a_film_is_read_without_all_of_it(
    store: Store, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame of what is not in the cache is one range; a still is fetched whole."""
    film = dataset(1, PixelData=bytes(range(256)) * 12_000)
    put(store, film)
    put(store, dataset(2))
    for uid in ("1.2.3.4.1", "1.2.3.4.2"):
        kept(store, uid).path.unlink()
    large, small = kept(store, "1.2.3.4.1"), kept(store, "1.2.3.4.2")
    assert large.remote is not None
    assert small.remote is not None
    assert large.remote.read_range(large, large.size - 4, 4) == bytes([252, 253, 254, 255])
    assert not large.path.exists()
    assert small.remote.read_range(small, small.size - 4, 4) == bytes([2, 1, 2, 3])
    assert small.path.exists()


def test_other_bytes_from_the_server_are_found_out(store: Store, bucket: Bucket) -> None:
    """They never enter the cache, wherever they were changed."""
    put(store, dataset(1))
    instance = kept(store, "1.2.3.4.1")
    whole = instance.path.read_bytes()
    instance.path.write_bytes(whole[:-1] + b"?")
    [key] = keys(bucket)
    bucket.delete(key)
    bucket.put(key, instance.path, instance.dataset_sha256)
    instance.path.unlink()
    with pytest.raises(Damaged, match="other bytes"):
        bytes_of(instance)
    assert not instance.path.exists()


def test_the_cache_keeps_to_its_limit(server: MotoServer, tmp_path: Path) -> None:
    """What was used last stays; what is gone from it is fetched again."""
    at = server.settings(tmp_path / "cache", prefix="small", limit=3_000)
    with Store.open(tmp_path / "var", now=Clock(), objects=at) as store:
        put_many(store, 6)
    cache = FileCache(at.cache_dir, 3_000)
    assert cache.size > 3_000  # what was used within minutes stays
    with Store.open(tmp_path / "var", now=Clock(), objects=at) as store:
        put(store, dataset(7))
        held = list(at.cache_dir.rglob("*.dcm"))
        assert sum(each.stat().st_size for each in held) <= 3_000
        for number in range(1, 8):
            instance = kept(store, f"1.2.3.4.{number}")
            assert dataset_in(bytes_of(instance), instance) == encoded(dataset(number))


def test_a_server_that_keeps_to_s3_is_taken(bucket: Bucket) -> None:
    """And nothing of the trial is left in it."""
    assert honesty.faults_of(bucket) == []
    assert keys(bucket, "trials/") == []


@pytest.mark.peers
def test_a_server_that_lies_is_found_out(tmp_path: Path) -> None:
    """s3rver writes over what exists: the start refuses it, in words."""
    with S3rver() as server:
        at = server.settings(tmp_path / "cache")
        with pytest.raises(ConfigError, match="If-None-Match"):
            Store.open(tmp_path / "var", now=Clock(), objects=at)
        outcome = check_objects(configured(server, tmp_path))
        assert outcome is not None
        [step] = outcome.steps
        assert not step.ok
        assert "If-None-Match" in step.detail


def configured(server: ObjectStore, tmp_path: Path) -> Config:
    """A configuration with the server's bucket."""
    objects = {"url": f"s3://{BUCKET}/node", "endpoint": server.endpoint}
    values = {"ae_title": "ECHONODE", "data_dir": str(tmp_path / "var"), "objects": objects}
    return parse(json.dumps(values), {})


def part_10(ds: Dataset) -> bytes:
    """A dataset as it lies on a medium."""
    buffer = BytesIO()
    encoded(ds)  # gives it its meta information
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def test_commands_of_a_stopped_node_use_its_bucket(
    server: MotoServer, at: ObjectsAt, bucket: Bucket, tmp_path: Path
) -> None:
    """`echonode import` puts images there, and `echonode patient erase` takes a patient's away."""
    objects = {"url": at.url, "endpoint": server.endpoint}
    values = {"ae_title": "ECHONODE", "data_dir": str(tmp_path / "var"), "objects": objects}
    config = parse(json.dumps(values), {})
    with way_in(config) as take:
        assert take(iter([part_10(dataset(1))])).taken is Taken.STORED
        assert take(iter([part_10(dataset(2, PatientID="OTHER"))])).taken is Taken.STORED
    assert len(keys(bucket)) == 2

    erase_patient(config, "OTHER", timeout_s=10)
    assert len(keys(bucket)) == 1


def test_preflight_says_what_is_wrong_with_the_server(server: MotoServer, tmp_path: Path) -> None:
    """One that is as it should be, and one that does not answer."""
    outcome = check_objects(configured(server, tmp_path))
    assert outcome is not None
    assert outcome.steps[0].ok
    gone = MotoServer()  # not started
    outcome = check_objects(configured(gone, tmp_path))
    assert outcome is not None
    assert not outcome.steps[0].ok
    assert "objects.endpoint" in outcome.steps[0].remedy


def test_a_node_that_keeps_files_does_not_import_the_client() -> None:
    """obstore is an extra, and its import costs each start."""
    code = "import sys; import echonode.commands.run; sys.exit('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_puts_of_one_key_have_one_winner(bucket: Bucket, tmp_path: Path) -> None:
    """Whichever it was, its bytes stay."""
    won = []
    for number in range(8):
        file = tmp_path / str(number)
        file.write_bytes(bytes([number]) * 100)
        try:
            bucket.put("trials/race", file, hashlib.sha256(file.read_bytes()).hexdigest())
        except OutOfSpace:
            continue
        won.append(number)
    assert won == [0]
    assert b"".join(bucket.read("trials/race")) == bytes(100)

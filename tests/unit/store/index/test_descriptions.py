"""What DICOMweb answers of an instance is kept with it, and never of another file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.dicomweb.description import describe
from echonode.errors import Unreadable
from echonode.maintenance.describing import AT_ONCE, LOOK_EVERY_S, Describing, describe_all
from echonode.model.criteria import Level, Root, Selection
from echonode.model.instance import StoredInstance
from echonode.store.index.descriptions import Description, KeptMetadata
from echonode.store.store import Store
from tests.unit.store.samples import dataset, put, put_many

STUDY = Selection(root=Root.STUDY, level=Level.STUDY, keys={"StudyInstanceUID": ("1.2.3.1",)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def described(store: Store) -> dict[str, KeptMetadata]:
    return {each.uids[2]: each for each in store.descriptions.with_metadata(STUDY)}


@pytest.mark.slow
def test_each_instance_is_described_in_the_background(store: Store) -> None:
    """A part at a time; then there is nothing to do until more is stored."""
    uids = put_many(store, AT_ONCE + 3)
    assert all(each.metadata is None for each in described(store).values())
    describing = Describing(store.descriptions, describe)
    describing.step()
    describing.step()
    found = described(store)
    assert set(found) == set(uids)
    for uid, each in found.items():
        instance = store.index.instance(uid)
        assert instance is not None
        assert each.metadata == describe(instance).metadata
    assert describing.step() == LOOK_EVERY_S
    put(store, dataset(900))
    describing.step()
    assert described(store)["1.2.3.4.900"].metadata is not None


def test_while_instances_come_in_it_works_a_small_share_of_the_time(store: Store) -> None:
    """Storing them comes first."""
    times = iter(range(100))
    describing = Describing(store.descriptions, describe, monotonic=lambda: next(times))
    put_many(store, 1)
    assert describing.step() == 19  # a part took one second
    store.descriptions.forget()
    describing.step()
    assert describing.step() == 1


def test_an_instance_that_cannot_be_described_holds_up_no_other(store: Store) -> None:
    """It is tried once, and served as far as it can be."""
    put_many(store, 3)
    tried: list[str] = []

    def refusing(instance: StoredInstance) -> Description:
        tried.append(instance.sop_instance_uid)
        if instance.sop_instance_uid.endswith(".2"):
            raise Unreadable("no")
        return describe(instance)

    describing = Describing(store.descriptions, refusing)
    for _ in range(4):
        describing.step()
    assert [uid for uid, each in described(store).items() if each.metadata is None] == ["1.2.3.4.2"]
    assert tried.count("1.2.3.4.2") == 1


def test_a_description_is_of_one_file(store: Store, tmp_path: Path) -> None:
    """Where the instance has another file by now, there is none."""
    put_many(store, 1)
    [(row, instance)] = store.descriptions.missing(0, most=5)
    content = instance.path.read_bytes()[instance.dataset_offset :]
    instance.path.unlink()
    Describing(store.descriptions, lambda _: Description(metadata=b"old", frames=b"")).step()
    assert described(store)["1.2.3.4.1"].metadata == b"old"
    outcome = put(store, dataset(1))  # the file is replaced
    assert outcome.instance.path != instance.path
    assert outcome.instance.path.read_bytes().endswith(content)
    assert described(store)["1.2.3.4.1"].metadata is None
    late = [(row, instance, Description(metadata=b"late", frames=b""))]
    store.descriptions.keep(late)
    assert described(store)["1.2.3.4.1"].metadata is None


def test_a_description_goes_with_its_instance(store: Store) -> None:
    """And one that comes too late is not kept."""
    put_many(store, 2)
    missing = store.descriptions.missing(0, most=5)
    store.descriptions.keep([(row + 1000, each, describe(each)) for row, each in missing])
    assert len(store.descriptions.missing(0, most=5)) == 2


@pytest.mark.slow
def test_reindex_describes_every_instance_again(store: Store) -> None:
    """With what their files say now."""
    put_many(store, AT_ONCE + 1)
    Describing(store.descriptions, lambda _: Description(metadata=b"old", frames=b"")).step()
    rows: list[int] = []
    describe_all(store.descriptions, describe, rows.append)
    assert rows == [AT_ONCE, AT_ONCE + 1]
    assert all(each.metadata not in (None, b"old") for each in described(store).values())


def test_a_digest_changes_with_what_is_stored(store: Store) -> None:
    """It is the entity tag of the study's metadata."""
    put_many(store, 2)
    count, digest = store.descriptions.digest(STUDY)
    assert count == 2
    assert store.descriptions.digest(STUDY) == (2, digest)
    put(store, dataset(3))
    assert store.descriptions.digest(STUDY)[1] != digest

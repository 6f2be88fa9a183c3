"""What leaves the node as a file has meta information of its own, and no seal (files/seal.py)."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from echonode.copies.media.medium import whole_file
from echonode.copies.part_10 import part_10_file
from echonode.copies.patient_export import export_patient
from echonode.copies.source import CopyOptions
from echonode.copies.stored_source import StoredSource
from echonode.delivery.stow.file_body import FileBody
from echonode.dicomweb.instances import file_part
from echonode.dicomweb.streaming import FileThreads
from echonode.dimse.services import Part10File
from echonode.model.instance import StoredInstance
from echonode.node.review_api import NodeReview
from echonode.store.files.seal import CREATOR_UID
from echonode.store.ingest.ingest import check_bytes
from echonode.store.store import Store
from echonode.transcoding.rendered_frames import RenderedFrames
from echonode.transcoding.single_frame import FrameReader
from tests.unit.store.samples import NOON, Clock, dataset, encoded, put

SEAL = (CREATOR_UID.encode(), b"ECHONODE SEAL", b"\x02\x00\x00\x01", b"\x02\x00\x02\x01")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        yield opened


def by_wado(instance: StoredInstance) -> bytes:
    async def all_of_it() -> bytes:
        return b"".join([each async for each in FileThreads().pieces(file_part(instance))])

    return asyncio.run(all_of_it())


def by_export(instance: StoredInstance) -> bytes:
    [file] = part_10_file(StoredSource(instance, cast(FrameReader, None)), CopyOptions())
    return b"".join(file.chunks)


def by_console(instance: StoredInstance) -> bytes:
    index = SimpleNamespace(instance=lambda uid: instance)
    review = NodeReview(
        cast(Store, SimpleNamespace(index=index, measurements=None)),
        cast(RenderedFrames, None),
        check=check_bytes,
        now=Clock(),
    )
    found = review.file(instance.sop_instance_uid, known="")
    assert not isinstance(found, str)
    whole = b"".join(found.pieces())
    assert len(whole) == found.size
    return whole


EXITS: dict[str, Callable[[StoredInstance], bytes]] = {
    "WADO-RS": by_wado,
    "STOW-RS to an archive": lambda each: b"".join(FileBody(Part10File.of(each)).pieces()),
    "media": lambda each: b"".join(whole_file(each)),
    "export": by_export,
    "console": by_console,
}


@pytest.mark.parametrize("way", EXITS)
def test_a_file_leaves_without_its_seal(store: Store, way: str) -> None:
    """And with its dataset, byte for byte."""
    instance = put(store, dataset(1), destinations=["pacs"], source_ae_title="SENDER").instance
    stored = instance.path.read_bytes()
    assert all(each in stored for each in SEAL)
    sent = EXITS[way](instance)
    assert not any(each in sent for each in SEAL)
    assert encoded(dataset(1)) in sent


@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_a_patients_own_copy_has_none(store: Store, tmp_path: Path, name: str) -> None:
    """Neither the images nor what is in quarantine."""
    put(store, dataset(1))
    with pytest.raises(Exception, match="already stored"):
        put(store, dataset(1, StudyID="OTHER"))
    out = tmp_path / name
    export_patient(store, "P1", out, audit=[], now=NOON)
    if out.is_dir():
        files = [path.read_bytes() for path in sorted(out.rglob("*.dcm"))]
    else:
        with zipfile.ZipFile(out) as whole:
            files = [whole.read(each) for each in whole.namelist() if each.endswith(".dcm")]
    assert len(files) == 2
    assert not any(each in file for each in SEAL for file in files)
    assert any(file.endswith(encoded(dataset(1))) for file in files)

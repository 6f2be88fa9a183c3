"""Thumbnails of what is stored: the middle frame, drawn once, within a limit of memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from echonode.model.instance import StoredInstance
from echonode.monitoring.recent import recent_rows
from echonode.store.store import Store
from echonode.transcoding.pixel_layout import Pixels
from echonode.transcoding.thumbnails import Thumbnails
from tests.unit.store.samples import US_MULTI_FRAME, Clock, dataset, put


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        yield opened


def clip(number: int = 1) -> object:
    """Three frames: black, white, black."""
    frames = np.zeros((3, 64, 64), np.uint8)
    frames[1] = 255
    return dataset(
        number,
        SOPClassUID=US_MULTI_FRAME,
        NumberOfFrames=3,
        Rows=64,
        Columns=64,
        SamplesPerPixel=1,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=frames.tobytes(),
    )


def test_of_a_clip_the_middle_frame(store: Store) -> None:
    """Its first frames often show nothing yet."""
    put(store, clip())  # type: ignore[arg-type]
    jpeg = Thumbnails(store.index.instance).jpeg("1.2.3.4.1")
    assert jpeg is not None
    assert simplejpeg.decode_jpeg(jpeg, colorspace="GRAY").mean() > 250


def test_a_file_that_is_cut_under_the_reader_ends_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That thumbnail is not drawn, and the others are."""
    put(store, clip(1))  # type: ignore[arg-type]
    put(store, clip(2))  # type: ignore[arg-type]

    def cut(_: Pixels) -> bool:
        instance = store.index.instance("1.2.3.4.1")
        assert instance is not None
        with instance.path.open("r+b") as file:
            file.truncate(400)
        return True

    thumbnails = Thumbnails(store.index.instance)
    with monkeypatch.context() as during:
        during.setattr("echonode.transcoding.thumbnails.can_be_drawn", cut)
        during.setattr("echonode.transcoding.file_bytes._WINDOW", 16)
        assert thumbnails.jpeg("1.2.3.4.1") is None
    assert thumbnails.jpeg("1.2.3.4.2") is not None


def test_each_is_drawn_once_and_the_oldest_go(store: Store) -> None:
    """Asked for again it comes from memory; beyond the limit the least recently used one goes."""
    for number in (1, 2, 3):
        put(store, clip(number))  # type: ignore[arg-type]
    asked: list[str] = []

    def find(uid: str) -> StoredInstance | None:
        asked.append(uid)
        return store.index.instance(uid)

    one = len(Thumbnails(store.index.instance).jpeg("1.2.3.4.1") or b"") + 200
    thumbnails = Thumbnails(find, cache_bytes=2 * one)
    for number in (1, 2, 1, 3, 1, 2):
        assert thumbnails.jpeg(f"1.2.3.4.{number}")
    assert asked == ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3", "1.2.3.4.2"]


def test_what_cannot_be_drawn_has_none_and_is_not_tried_again(store: Store) -> None:
    """Unknown here; without the attributes; a file that is gone."""
    thumbnails = Thumbnails(store.index.instance)
    assert thumbnails.jpeg("1.2.3.9") is None
    put(store, dataset(1))
    assert thumbnails.jpeg("1.2.3.4.1") is None
    put(store, clip(2))  # type: ignore[arg-type]
    found = store.index.instance("1.2.3.4.2")
    assert found is not None
    found.path.unlink()
    assert thumbnails.jpeg("1.2.3.4.2") is None


def test_the_pages_rows_say_where_an_image_came_from(store: Store) -> None:
    """Newest first, with the probe and the length of the clip; of a peer's, its AE title."""
    put(store, dataset(1), evidence={"probe": "handheld", "duration_ms": 3100})
    put(store, dataset(2), source_ae_title="SCANNER")
    newest, oldest = recent_rows(store, 5)
    assert (newest["source"], newest["duration_s"]) == ("SCANNER", None)
    assert (oldest["source"], oldest["duration_s"]) == ("handheld", 3.1)
    assert newest["thumbnail"] is True
    assert recent_rows(store, 1)[0]["sop_instance_uid"] == "1.2.3.4.2"

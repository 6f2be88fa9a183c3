"""A frame of any stored instance comes out decoded, and only that frame."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from echonode.errors import InvalidObject
from echonode.model.instance import Origin, StoredInstance
from echonode.store.store import Store
from echonode.transcoding.picture import Window
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from echonode.transcoding.rendered_frames import (
    PictureKind,
    PictureRequest,
    RenderedFrames,
    tag_of,
)
from echonode.transcoding.single_frame import FrameReader
from tests.unit.store.samples import EXPLICIT_LE, US_MULTI_FRAME, dataset, encoded
from tests.unit.transcoding.test_picture_file import read_png

ROWS, COLUMNS, FRAMES = 40, 64, 5
# Smooth, so that JPEG loses little of it; no two frames, rows or columns alike.
_FRAME, _ROW, _COLUMN = np.indices((FRAMES, ROWS, COLUMNS))
CINE = (30 * _FRAME + _ROW + _COLUMN).astype(np.uint8)


@pytest.fixture
def reader(workers: TranscodeWorkers, reencoder: Reencoder) -> FrameReader:
    return FrameReader(workers, reencoder.lossless)


def cine(**more: object) -> Dataset:
    return dataset(
        1,
        **{
            "SOPClassUID": US_MULTI_FRAME,
            "NumberOfFrames": FRAMES,
            "Rows": ROWS,
            "Columns": COLUMNS,
            "SamplesPerPixel": 1,
            "BitsStored": 8,
            "HighBit": 7,
            "PixelRepresentation": 0,
            "PixelData": CINE.tobytes(),
            **more,
        },
    )


def kept(store: Store, ds: Dataset, syntax: str = EXPLICIT_LE) -> StoredInstance:
    file = store.files.open_incoming(
        sop_class_uid=US_MULTI_FRAME,
        sop_instance_uid="1.2.3.4.1",
        transfer_syntax_uid=syntax,
        source_ae_title="",
    )
    file.write(encoded(ds, syntax))
    store.files.commit(file, store.files.read_record(file), origin=Origin.CAPTURED, destinations=())
    found = store.index.instance("1.2.3.4.1")
    assert found is not None
    return found


def frame(number: int) -> bytes:
    return bytes(CINE[number].tobytes())


def test_each_frame_by_its_number(store: Store, reader: FrameReader) -> None:
    """From 0 on; one that is not there is refused."""
    instance = kept(store, cine())
    for number in range(FRAMES):
        assert reader.frame(instance, number).native == frame(number)
    for wrong in (-1, FRAMES):
        with pytest.raises(InvalidObject, match="5 frames"):
            reader.frame(instance, wrong)


def test_pixels_that_are_cut_short_are_refused(store: Store, reader: FrameReader) -> None:
    """In words, as any other image without a picture."""
    instance = kept(store, cine(PixelData=CINE.tobytes()[:100]))
    with pytest.raises(InvalidObject, match="shorter"):
        reader.frame(instance, 0)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_in_every_uncompressed_syntax(store: Store, reader: FrameReader, syntax: str) -> None:
    """Big endian ones by way of Explicit VR Little Endian."""
    instance = kept(store, cine(), str(syntax))
    assert reader.frame(instance, 3).native == frame(3)


def test_of_a_deflated_one(store: Store, reader: FrameReader) -> None:
    """The same."""
    instance = kept(store, cine(), str(DeflatedExplicitVRLittleEndian))
    assert reader.frame(instance, 4).native == frame(4)


@pytest.mark.slow
@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGBaseline8Bit])
def test_of_a_compressed_one(
    store: Store, reader: FrameReader, reencoder: Reencoder, syntax: str
) -> None:
    """Decoded in a worker; JPEG loses a little."""
    instance = kept(store, cine())
    with reencoder.with_loss(95)(instance, str(syntax)) as file:
        compressed = StoredInstance(
            sop_class_uid=file.sop_class_uid,
            sop_instance_uid=file.sop_instance_uid,
            study_instance_uid="1.2",
            series_instance_uid="1.2",
            transfer_syntax_uid=str(syntax),
            path=file.path,
            size=file.size,
            dataset_offset=0,
            dataset_sha256="0" * 64,
        )
        found = reader.frame(compressed, 2)
    difference = np.frombuffer(found.native, np.uint8).astype(int) - np.frombuffer(
        frame(2), np.uint8
    )
    assert np.abs(difference).max() <= (3 if syntax == JPEGBaseline8Bit else 0)


def test_a_picture_is_made_once_and_the_oldest_go(store: Store, reader: FrameReader) -> None:
    """Within the limit of bytes; one that alone is larger is made each time."""
    instance = kept(store, cine())
    made: list[int] = []

    class Counting(FrameReader):
        def frame(self, instance: StoredInstance, number: int):  # type: ignore[no-untyped-def]
            made.append(number)
            return reader.frame(instance, number)

    counting = Counting.__new__(Counting)
    png = PictureRequest(number=0, kind=PictureKind.PNG)
    one = len(RenderedFrames(reader).picture(instance, png)) + 300
    rendered = RenderedFrames(counting, cache_bytes=int(2.5 * one))
    for number in (0, 1, 0, 2, 0, 1):
        rendered.picture(instance, PictureRequest(number=number, kind=PictureKind.PNG))
    assert made == [0, 1, 2, 1]
    assert rendered.kept_bytes <= 2.5 * one
    made.clear()
    none_kept = RenderedFrames(counting, cache_bytes=10)
    for _ in range(2):
        none_kept.picture(instance, png)
    assert made == [0, 0]
    assert none_kept.kept_bytes == 0


def test_a_png_is_the_frame_and_a_window_changes_it(store: Store, reader: FrameReader) -> None:
    """The window asked for stands in place of the image's own."""
    instance = kept(store, cine(WindowCenter="128", WindowWidth="256"))
    rendered = RenderedFrames(reader)
    plain = read_png(rendered.picture(instance, PictureRequest(number=1, kind=PictureKind.PNG)))
    assert plain.tobytes() == frame(1)
    step = PictureRequest(number=1, kind=PictureKind.PNG, window=Window(center=100.5, width=1))
    shown = read_png(rendered.picture(instance, step))
    assert shown[..., 0].tolist() == np.where(CINE[1] > 100, 255, 0).tolist()


def test_tags_differ_by_everything_that_changes_the_bytes(store: Store) -> None:
    """And by nothing else: the same request has the same tag after a restart."""
    instance = kept(store, cine())
    window = Window(center=1, width=2)
    asked = [
        PictureRequest(number=0),
        PictureRequest(number=1),
        PictureRequest(number=0, kind=PictureKind.PNG),
        PictureRequest(number=0, quality=50),
        PictureRequest(number=0, window=window),
    ]
    tags = {tag_of(instance, each) for each in asked}
    assert len(tags) == len(asked)
    assert tag_of(instance, PictureRequest(number=0)) in tags


@pytest.mark.parametrize("quality", [0, 101])
def test_a_request_has_a_quality_of_1_to_100(quality: int) -> None:
    """And a window that can be applied."""
    with pytest.raises(ValueError):
        PictureRequest(number=0, quality=quality)
    with pytest.raises(ValueError):
        PictureRequest(number=0, window=Window(center=0, width=0))

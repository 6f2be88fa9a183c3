"""Native YBR_FULL_422 is shown and read as YBR_FULL, value for value, and stays as it is stored."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dimse.services import Part10File
from echonode.errors import InvalidObject
from echonode.model.instance import Origin, StoredInstance
from echonode.store.store import Store
from echonode.transcoding.codecs import LOSSLESS_ENCODED
from echonode.transcoding.picture import picture_of
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from echonode.transcoding.single_frame import FrameReader
from echonode.transcoding.thumbnails import Thumbnails
from tests.unit.store.samples import US_MULTI_FRAME, dataset, encoded

# Two frames of one row: a pair of a dark and a light pixel in the same red, and a grey pair.
STORED = np.array(
    [[60, 200, 90, 240, 16, 235, 128, 128], [0, 255, 128, 128, 50, 60, 200, 30]], "u1"
)
FULL = np.array(
    [
        [[60, 90, 240], [200, 90, 240], [16, 128, 128], [235, 128, 128]],
        [[0, 128, 128], [255, 128, 128], [50, 200, 30], [60, 200, 30]],
    ],
    "u1",
)


@pytest.fixture
def reader(workers: TranscodeWorkers, reencoder: Reencoder) -> FrameReader:
    return FrameReader(workers, reencoder.lossless)


def image(**more: object) -> Dataset:
    made = dataset(
        1,
        **{
            "SOPClassUID": US_MULTI_FRAME,
            "NumberOfFrames": 2,
            "Rows": 1,
            "Columns": 4,
            "SamplesPerPixel": 3,
            "PlanarConfiguration": 0,
            "PhotometricInterpretation": "YBR_FULL_422",
            "BitsAllocated": 8,
            "BitsStored": 8,
            "HighBit": 7,
            "PixelRepresentation": 0,
            "PixelData": STORED.tobytes(),
            **more,
        },
    )
    made["PixelData"].VR = "OB"
    return made


def kept(store: Store, ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> StoredInstance:
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


def rgb(full: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """PS3.3 C.7.6.3.1.2, the other way round, as the standard writes it."""
    y, cb, cr = (full[..., each].astype(float) for each in range(3))
    colours = (
        y + 1.402 * (cr - 128),
        y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
        y + 1.772 * (cb - 128),
    )
    shown: NDArray[np.uint8] = np.rint(np.clip(np.stack(colours, -1), 0, 255)).astype(np.uint8)
    return shown


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_each_frame_has_the_colour_of_its_pair(
    store: Store, reader: FrameReader, syntax: str
) -> None:
    """In every uncompressed syntax; the picture is what the standard's equations give."""
    instance = kept(store, image(), str(syntax))
    for number in (0, 1):
        frame = reader.frame(instance, number)
        assert frame.pixels.photometric == "YBR_FULL"
        assert np.frombuffer(frame.native, "u1").reshape(1, 4, 3).tolist() == [
            FULL[number].tolist()
        ]
        picture = picture_of(frame.native, frame.pixels, frame.presentation)
        assert picture.tolist() == [rgb(FULL[number]).tolist()]
    assert rgb(FULL[0])[2].tolist() == [16, 16, 16]


def test_another_reader_has_the_same_values(store: Store, reader: FrameReader) -> None:
    """pydicom, before it makes RGB of them."""
    instance = kept(store, image())
    theirs = pixel_array(instance.path, raw=True)
    ours = [reader.frame(instance, number).native for number in (0, 1)]
    assert b"".join(ours) == theirs.tobytes()


@pytest.mark.parametrize("syntax", LOSSLESS_ENCODED)
def test_it_is_not_compressed(store: Store, workers: TranscodeWorkers, syntax: str) -> None:
    """It would become YBR_FULL, which ultrasound images are not; it goes as it is stored."""
    instance = kept(store, image())
    with (
        pytest.raises(InvalidObject, match="YBR_FULL_422 is not compressed"),
        Reencoder(store.files.scratch, workers).lossless(instance, syntax),
    ):
        pass


def test_uncompressed_it_stays_as_it_is(store: Store, workers: TranscodeWorkers) -> None:
    """To an archive that takes Implicit VR alone: the same bytes, under the same name."""
    instance = kept(store, image())
    with Reencoder(store.files.scratch, workers).lossless(
        instance, str(ImplicitVRLittleEndian)
    ) as file:
        made = _read(file, str(ImplicitVRLittleEndian))
    assert (made.PhotometricInterpretation, made.PixelData) == ("YBR_FULL_422", STORED.tobytes())


def test_it_has_a_thumbnail(store: Store) -> None:
    """A frame of one colour: the picture has it."""
    pair = np.tile(np.array([76, 76, 85, 255], "u1"), 64 * 32)  # pure red
    ds = image(NumberOfFrames=1, Rows=64, Columns=64, PixelData=pair.tobytes())
    kept(store, ds)
    jpeg = Thumbnails(store.index.instance).jpeg("1.2.3.4.1")
    assert jpeg is not None
    mean = simplejpeg.decode_jpeg(jpeg).reshape(-1, 3).mean(axis=0)
    assert np.abs(mean - [254, 0, 0]).max() < 4


def test_three_bytes_for_each_pixel_are_ybr_full(store: Store, reader: FrameReader) -> None:
    """What some devices write under the name YBR_FULL_422; the length of the pixels says so."""
    instance = kept(store, image(PixelData=FULL.tobytes()))
    assert reader.frame(instance, 1).native == FULL[1].tobytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Columns": 3, "PixelData": STORED.tobytes()[:12]}, "even number of columns"),
        ({"PlanarConfiguration": 1}, "colour by pixel"),
        ({"PixelData": STORED.tobytes()[:14]}, "shorter than the frames"),
    ],
)
def test_what_it_cannot_be_is_refused(
    store: Store, reader: FrameReader, changes: dict[str, object], words: str
) -> None:
    """In words, and no frame is guessed."""
    instance = kept(store, image(**changes))
    with pytest.raises(InvalidObject, match=words):
        reader.frame(instance, 0)


def _read(file: Part10File, syntax: str) -> Dataset:
    with file.opened() as opened:
        return read_dataset(BytesIO(opened.read()), UID(syntax).is_implicit_VR, True)

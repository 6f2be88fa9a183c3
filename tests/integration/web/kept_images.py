"""A store with images whose content a test knows: a plate of 40 mm, a cine with uneven times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence

from echonode.node.review_api import NodeReview
from echonode.store.store import Store
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from echonode.transcoding.rendered_frames import RenderedFrames
from echonode.transcoding.single_frame import FrameReader
from tests.unit.review.test_image_view import region
from tests.unit.store.samples import NOON, US_MULTI_FRAME, Clock, dataset, put

STILL, CINE, PLAIN, OTHER, DEEP, COLOUR, TRACE = (f"1.2.3.4.{n}" for n in range(1, 8))
ROWS, COLUMNS = 240, 320
# A pixel is 0.2 mm wide and 0.5 mm high; the plate is 40 mm long and lies from (60, 120) on.
PLATE = ((60.0, 120.5), (260.0, 120.5))
PLATE_MM = 40.0
DURATIONS_MS = (40.0, 60.0, 50.0, 50.0)  # the last as long as the mean of those before
TIMES = ["0", "40", "60", "50"]
_VECTOR = 0x00181065
NAMED = {
    "PatientID": "P-SECRET",
    "PatientName": "Doe^Jane",
    "Rows": ROWS,
    "Columns": COLUMNS,
    "SamplesPerPixel": 1,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
    "WindowCenter": "128",
    "WindowWidth": "256",
    "ContentDate": "20261120",
    "ContentTime": "120000",
}


def picture(frame: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A ramp, brighter with each frame, with the plate in it and a marker that moves."""
    found = np.tile((np.arange(COLUMNS) // 4).astype(np.uint8), (ROWS, 1))
    found[118:123, 60:260] = 230
    found[10:30, 10 + 60 * frame : 40 + 60 * frame] = 255
    return found


def still(uid_number: int, /, **more: Any) -> Dataset:
    """One frame with a calibrated region over the whole image."""
    whole = region(
        RegionLocationMinX0=0,
        RegionLocationMinY0=0,
        RegionLocationMaxX1=COLUMNS - 1,
        RegionLocationMaxY1=ROWS - 1,
    )
    values = {
        **NAMED,
        "PixelData": picture().tobytes(),
        "SequenceOfUltrasoundRegions": Sequence([whole]),
        "PixelSpacing": ["0.5", "0.2"],
        **more,
    }
    return dataset(uid_number, **values)


def cine(uid_number: int, /, **more: Any) -> Dataset:
    """Four frames with a Frame Time Vector whose steps differ."""
    frames = [picture(number) for number in range(len(TIMES))]
    return still(
        uid_number,
        SOPClassUID=US_MULTI_FRAME,
        NumberOfFrames=len(frames),
        FrameIncrementPointer=_VECTOR,
        FrameTimeVector=TIMES,
        PixelData=b"".join(frame.tobytes() for frame in frames),
        **more,
    )


def _unusual() -> Iterator[Dataset]:
    """Twelve bits, colour, and an M-mode trace instead of a picture; in a study of their own."""
    apart = {
        "StudyInstanceUID": "1.2.3.3",
        "SeriesInstanceUID": "1.2.3.3.1",
        "StudyDate": "20261118",
        "PatientID": "P3",
        "PatientName": "Lindqvist^Astrid",
    }
    deep = picture().astype("<u2") * 16
    yield still(
        5,
        **apart,
        BitsAllocated=16,
        BitsStored=12,
        HighBit=11,
        WindowCenter="2048",
        WindowWidth="4096",
        PixelData=deep.tobytes(),
    )
    red = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    red[..., 0] = picture()
    yield still(
        6,
        **apart,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        WindowCenter=None,
        WindowWidth=None,
        PixelData=red.tobytes(),
    )
    trace = region(RegionSpatialFormat=2, RegionLocationMinX0=0, RegionLocationMaxX1=COLUMNS - 1)
    yield still(7, **apart, SequenceOfUltrasoundRegions=Sequence([trace]))


def with_voi_lut(uid_number: int, /) -> Dataset:
    """Eight bits with a VOI LUT that turns them over, in a study of its own."""
    item = Dataset()
    item.add(DataElement("LUTDescriptor", "US", [256, 0, 8]))
    item.add(DataElement("LUTData", "OW", bytes(range(255, -1, -1))))
    return still(
        uid_number,
        StudyInstanceUID="1.2.3.9",
        SeriesInstanceUID="1.2.3.9.1",
        WindowCenter=None,
        WindowWidth=None,
        VOILUTSequence=Sequence([item]),
    )


@contextmanager
def kept_images(folder: Path) -> Iterator[tuple[Store, NodeReview]]:
    """The store and what answers for it: a still and a cine, one without a scale, another's."""
    workers = TranscodeWorkers(1)
    with Store.open(folder / "var", now=Clock()) as store:
        put(store, still(1), destinations=["pacs"])
        put(store, cine(2), destinations=["pacs"])
        put(store, still(3, SequenceOfUltrasoundRegions=None, PixelSpacing=None))
        for image in _unusual():
            put(store, image)
        put(
            store,
            still(
                4,
                PatientID="P2",
                PatientName="Roe^Rick",
                StudyInstanceUID="1.2.3.2",
                SeriesInstanceUID="1.2.3.2.1",
                StudyDate="20261119",
            ),
        )
        reader = FrameReader(workers, Reencoder(store.files.scratch, workers).lossless)
        review = NodeReview(
            store, RenderedFrames(reader), check=store.files.check_bytes, now=lambda: NOON
        )
        try:
            yield store, review
        finally:
            workers.close()

"""A picture of an OpenIGTLink sender measures the same live and stored, by its matrix or not.

The matrix of the IMAGE message is the sender's word of the size and direction of a pixel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from echonode.frames.frame import Frame
from echonode.frames.live.picture_geometry import geometry_of
from echonode.frames.picture_settings import Orientation, PictureSettings
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.model.live_picture import PictureGeometry
from echonode.probe.openigtlink.image import IMAGE_HEADER, encode_image
from echonode.probe.openigtlink.messages import Message, encode
from tests.unit.frames.igtl_messages import frames_of
from tests.unit.objects.acquisitions import CONNECTED_AT, acquisition, built, read_back

COLUMNS, ROWS = 160, 120
X_MM, Y_MM = 0.2, 0.1


def message(columns: list[list[float]]) -> bytes:
    """An IMAGE whose matrix has these vectors i, j, k in mm."""
    content = bytearray(
        encode_image(np.zeros((1, ROWS, COLUMNS), np.uint8), spacing_mm=(1.0, 1.0, 1.0))
    )
    values = list(IMAGE_HEADER.unpack_from(content))
    values[8:17] = [number for vector in columns for number in vector]
    IMAGE_HEADER.pack_into(content, 0, *values)
    return encode(Message(type="IMAGE", device="Image", content=bytes(content)))


def turned(degrees: float, *, skew: float = 0.0) -> list[list[float]]:
    """i and j in a plane that is turned about two axes; skew: degrees by which they lean."""
    a, b = math.radians(degrees), math.radians(90 + degrees + skew)
    i = [X_MM * math.cos(a), X_MM * math.sin(a) * 0.6, X_MM * math.sin(a) * 0.8]
    j = [Y_MM * math.cos(b), Y_MM * math.sin(b) * 0.6, Y_MM * math.sin(b) * 0.8]
    return [i, j, [0.0, 0.0, 1.0]]


def scales(columns: list[list[float]], **said: Any) -> tuple[PictureGeometry, Dataset]:
    """What the live picture says, and the object that is stored of the same frame."""
    said = {"calibrated": True, **said}
    stream = OpenIGTLinkStream(StreamSettings(picture=PictureSettings(**said)))
    (pending,) = frames_of(stream, message(columns))
    picture = pending.develop()
    frame = Frame(
        pixels=picture.pixels,
        calibration=picture.calibration,
        acquired_at=CONNECTED_AT,
        elapsed_s=0.0,
        sequence=0,
        facts=picture.facts,
    )
    return geometry_of(frame), read_back(built(acquisition((frame,))))


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 180.0, -135.0])
@pytest.mark.parametrize("orientation", [None, Orientation.UN])
def test_the_vectors_of_the_matrix_are_the_scale_however_the_plane_lies(
    degrees: float, orientation: Orientation | None
) -> None:
    """Their lengths are the size of a pixel; live and stored agree to the last digit shown."""
    live, stored = scales(turned(degrees), orientation=orientation)
    [region] = live.regions
    [kept] = stored.SequenceOfUltrasoundRegions
    assert region.physical_delta_x_mm == pytest.approx(X_MM, rel=1e-6)
    assert region.physical_delta_y_mm == pytest.approx(Y_MM, rel=1e-6)
    assert kept.PhysicalDeltaX * 10 == pytest.approx(region.physical_delta_x_mm, rel=1e-12)
    assert kept.PhysicalDeltaY * 10 == pytest.approx(region.physical_delta_y_mm, rel=1e-12)
    assert (region.x0, region.y0, region.x1, region.y1) == (0, 0, COLUMNS - 1, ROWS - 1)
    assert (kept.RegionLocationMaxX1, kept.RegionLocationMaxY1) == (COLUMNS - 1, ROWS - 1)
    assert live.no_scale == ""


@pytest.mark.parametrize(
    ("columns", "said", "why", "words"),
    [
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], {}, "not_given", "gives no size of a pixel"),
        (turned(20.0), {"calibrated": False}, "not_believed", "not known to be measured"),
        (turned(20.0, skew=5.0), {}, "skewed", "not at right angles"),
        ([[9, 0, 0], [0, 9, 0], [0, 0, 1]], {}, "too_large", "larger than a metre"),
        (turned(0.0), {"spacing_mm": (9.0, 9.0)}, "too_large", "larger than a metre"),
    ],
)
def test_without_a_scale_both_say_why(
    columns: list[list[float]], said: dict[str, Any], why: str, words: str
) -> None:
    """The live picture by a word that the console explains, the object in its comments."""
    live, stored = scales(columns, **said)
    assert (live.regions, live.no_scale) == ((), why)
    assert "SequenceOfUltrasoundRegions" not in stored
    assert "PixelSpacing" not in stored
    assert "Not calibrated" in stored.ImageComments
    assert words in stored.ImageComments


def test_rounding_is_no_skew_and_the_operators_word_comes_first() -> None:
    """A hand's calibration leans by half a degree; what the operator measured needs no matrix."""
    live, _ = scales(turned(20.0, skew=0.5))
    assert len(live.regions) == 1
    live, stored = scales(turned(20.0, skew=30.0), spacing_mm=(0.3, 0.4))
    assert live.regions[0].physical_delta_x_mm == pytest.approx(0.3)
    assert [float(each) for each in stored.PixelSpacing] == pytest.approx([0.4, 0.3])

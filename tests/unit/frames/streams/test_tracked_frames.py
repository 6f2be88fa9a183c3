"""TRACKEDFRAME of PLUS is a frame with its tracking; what is not one costs that frame alone."""

from __future__ import annotations

import random
import struct
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.picture_settings import PictureSettings
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.probe.openigtlink.messages import Message
from echonode.probe.openigtlink.tracked_frame import HEADER_BYTES, LONGEST_XML, decode_tracked_frame
from tests.unit.frames.igtl_messages import GREY, frames_of, image, message, pixels_of

XML = (
    '<TrackedFrame Timestamp="12.5" ImageDataValid="true">'
    '<CustomFrameField Name="ProbeToTrackerTransform" Value="1 0 0 5 0 1 0 6 0 0 1 7 0 0 0 1"/>'
    '<CustomFrameField Name="ProbeToTrackerTransformStatus" Value="OK"/>'
    '<CustomFrameField Name="StylusToTrackerTransform" Value="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"/>'
    '<CustomFrameField Name="StylusToTrackerTransformStatus" Value="INVALID"/>'
    "</TrackedFrame>"
)


def body(
    pixels: NDArray[np.uint8] = GREY,
    *,
    xml: bytes = XML.encode(),
    scalar: int = 3,
    scale: float = 0.2,
) -> bytes:
    """The header as PLUS packs it: integers big endian, the matrix as the processor has it."""
    k, j, i = pixels.shape
    matrix = np.diag([scale, scale, 1.0, 1.0]).astype("<f4")
    header = struct.pack(">6H2IH", scalar, 1, 1, i, j, k, pixels.nbytes, len(xml), 2)
    return header + matrix.tobytes() + xml + pixels.tobytes()


def stream(**said: object) -> OpenIGTLinkStream:
    return OpenIGTLinkStream(StreamSettings(picture=PictureSettings(**said)))  # type: ignore[arg-type]


def test_its_pixels_time_and_transforms_are_the_frames() -> None:
    """The transform with status OK is kept, the invalid one is marked as such."""
    (frame,) = frames_of(stream(), message("TRACKEDFRAME", body(), timestamp_s=99.0))
    assert np.array_equal(pixels_of([frame]), [GREY[0]])
    assert frame.source_timestamp_s == 12.5
    transforms = frame.transforms or {}
    assert transforms["ProbeToTracker"] == (1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7, 0, 0, 0, 1)
    assert transforms["StylusToTracker"] is None


def test_its_spacing_is_believed_like_that_of_an_image() -> None:
    """Only of a calibrated sender."""
    raw = message("TRACKEDFRAME", body())
    (frame,) = frames_of(stream(calibrated=True), raw)
    known = frame.develop().calibration
    assert known is not None
    assert known.physical_delta_x_cm == pytest.approx(0.02)
    (frame,) = frames_of(stream(), raw)
    assert frame.develop().calibration is None


def test_the_device_that_is_configured_is_taken() -> None:
    """Of two devices one is the probe, whichever of the two messages each sends."""
    one = stream(device="us")
    other = message("TRACKEDFRAME", body(), device="camera")
    assert frames_of(one, other + image(device="us")) != []
    assert one.counts.frames == 1


BROKEN = [
    body()[: HEADER_BYTES - 1],
    body()[:-1],
    body(scalar=9),
    body(xml=b"<TrackedFrame>"),
    body(xml=b'<!DOCTYPE x [<!ENTITY a "b">]><TrackedFrame/>'),
    body(xml=b"<TrackedFrame/>" + b" " * LONGEST_XML),
    body(xml=b'<?xml version="1.0" encoding="no-such"?><TrackedFrame/>'),
    body(scale=float("nan")),
    body(np.zeros((2, 3, 4), np.uint8)),  # a volume
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_one_is_counted_and_the_next_is_taken(broken: bytes) -> None:
    """In its place in the sequence, as a broken IMAGE is."""
    one = stream()
    frames = frames_of(one, message("TRACKEDFRAME", broken) + message("TRACKEDFRAME", body()))
    assert [frame.sequence for frame in frames] == [1]
    assert (one.counts.frames, one.counts.incomplete) == (1, 1)


@pytest.mark.slow
def test_damage_is_refused_and_nothing_else_is_raised() -> None:
    """A thousand damaged bodies: decoded, or ProtocolError."""
    chance, good = random.Random(7), body()
    for _ in range(1000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(ProtocolError):
            decode_tracked_frame(Message(type="TRACKEDFRAME", device="x", content=bytes(data)))

"""Fuzz targets of what decodes images: OpenIGTLink and recordings.

The quick tier runs with every test; `make faults` runs the full numbers. Each target begins with
real bytes and damages them: bytes changed, cut out, repeated, numbers replaced by extremes.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.frames.imaging.plane_pictures import developer
from echonode.frames.picture_settings import PictureSettings
from echonode.frames.settings import ImageSettings, StreamSettings
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.frames.streams.stream import PendingFrame
from echonode.probe.openigtlink.command import Command, encode_command
from echonode.probe.openigtlink.image import decode_image, encode_image
from echonode.probe.openigtlink.messages import Message, encode
from echonode.probe.openigtlink.tracked_fields import encode_transform
from echonode.probe.profile import ProbeProfile
from echonode.probe.recordings.clarius import read_clarius
from echonode.probe.recordings.image_sequence import ImageSequence
from echonode.probe.recordings.metaimage import read_metaimage
from echonode.probe.recordings.nrrd import read_nrrd
from echonode.probe.recordings.sequence_header import Opener
from tests.faults.programme import FULL
from tests.unit.probe.sequences import (
    MATRIX,
    encode_clarius,
    files,
    frame_fields,
    metaimage,
    nrrd,
    ramps,
)

MUTANTS_OF_EACH: Final = 200_000 if FULL else 400
SETTINGS: Final = StreamSettings(
    profile=ProbeProfile(r0_mm=10.0, rf_mm=50.0, sampling_rate_hz=40e6),
    image=ImageSettings(columns=16, rows=16),
    picture=PictureSettings(spacing_mm=(0.3, 0.05)),
)
EXTREMES: Final = (
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"-1",
    b"nan",
)


def mutant(seed: bytes, chance: random.Random) -> bytes:
    """`seed`, damaged in one to five places."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randrange(1, 40)]
            case 2:
                data[at:at] = data[at : at + chance.randrange(1, 40)]
            case 3:
                data[at : at + 4] = chance.choice(EXTREMES)
            case 4:
                data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(20)))
        data = data or bytearray(b"\0")
    return bytes(data)


def play(sequence: ImageSequence) -> None:
    """Everything that a player would do with it; at most a few frames."""
    develop = developer(sequence.info, SETTINGS)
    for frame, _ in zip(sequence.frames(), range(3), strict=False):
        picture = develop(frame.pixels)
        assert picture.pixels.dtype == np.uint8


def alone(data: bytes) -> Opener:
    """A folder in which every other file is there, and empty."""
    return lambda name: io.BytesIO(b"" if name else data)


def metaimage_target(data: bytes) -> None:
    play(read_metaimage("a.mha", alone(data)))


def nrrd_target(data: bytes) -> None:
    play(read_nrrd("a.nrrd", alone(data)))


def clarius_target(data: bytes) -> None:
    raw, _, yml = data.partition(b"|yml|")
    play(read_clarius("a.raw", files(main=raw, a_dot_yml=yml)))


def image_target(data: bytes) -> None:
    image = decode_image(Message(type="IMAGE", device="x", content=data))
    assert image is None or image.pixels.nbytes <= len(data)


def stream_target(data: bytes) -> None:
    stream = OpenIGTLinkStream(SETTINGS)
    for start in range(0, len(data), 1000):
        for one in stream.receive(data[start : start + 1000]):
            if isinstance(one, PendingFrame):
                one.develop()
    stream.finish()
    stream.outgoing()


def wire() -> bytes:
    """A conversation: transforms, images, patches of none, commands, damage among them."""
    matrix = tuple(float(value) for value in MATRIX.split())
    content = encode_image(ramps(1, kind="i2"), spacing_mm=(1.0, 1.0, 1.0), little_endian=False)
    fields = {"Timestamp": "1.5", "ProbeToTrackerTransform": MATRIX}
    parts = [
        Message(type="TRANSFORM", device="ProbeToTracker", content=encode_transform(matrix)),
        Message(type="IMAGE", device="us", content=content, header_version=2, metadata=fields),
        Message(type="IMAGE", device="us", content=b""),
        Message(type="VIDEO", device="us", content=b"abc"),
        Message(type="IMAGE", device="us", content=content, timestamp_s=2.5),
    ]
    text = '<Command Name="CaptureClip" Seconds="3"/>'
    return b"".join(map(encode, parts)) + encode_command(Command(command_id=1, name="", text=text))


def together(parts: tuple[bytes, bytes]) -> bytes:
    return parts[0] + parts[1]


SEEDS: Final[dict[str, tuple[Callable[[bytes], None], list[bytes]]]] = {
    "metaimage": (
        metaimage_target,
        [
            together(metaimage(ramps(), compressed=True, fields=frame_fields(3))),
            together(metaimage(ramps(kind="f4", components=3))),
            together(metaimage(ramps(kind="i2"), UltrasoundImageOrientation="FU")),
            together(
                metaimage(
                    ramps(kind="i2"),
                    UltrasoundImageOrientation="NM",
                    UltrasoundImageType="RF_I_LINE_Q_LINE",
                )
            ),
        ],
    ),
    "nrrd": (
        nrrd_target,
        [
            together(nrrd(ramps(), fields=frame_fields(3))),
            together(nrrd(ramps(kind="u2", components=3), encoding="raw")),
        ],
    ),
    "clarius": (
        clarius_target,
        [
            encode_clarius(ramps(kind=kind), [1, 2, 3]) + b"|yml|sampling rate: 15 MHz\n"
            b"transmit frequency: 10 MHz\ncompression: none\n"
            + b"".join(
                b"  - {rx element: %d, angle: %d \xc2\xb0}\n" % (line, step * (line - 2))
                for line in range(4)
            )
            + b"roi: {start line: 0, end line: 3, start sample: 0, end sample: 4}\n"
            for kind in ("u1", "i2")
            for step in (0, 20)
        ],
    ),
    "openigtlink image": (
        image_target,
        [encode_image(ramps(2, kind="f8"), spacing_mm=(1.0, 1.0, 1.0)), b""],
    ),
    "openigtlink stream": (stream_target, [wire()]),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", SEEDS)
def test_whatever_comes_parses_or_raises_the_protocol_error(name: str) -> None:
    """Invariant: parses, or raises ProtocolError: nothing else."""
    target, seeds = SEEDS[name]
    chance = random.Random(name)
    parsed = 0
    for seed in seeds:
        if seed:
            target(seed)
    for number in range(MUTANTS_OF_EACH):
        data = mutant(seeds[number % len(seeds)], chance)
        try:
            target(data)
            parsed += 1
        except ProtocolError:
            pass
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} from {data.hex()}") from error
    assert parsed < MUTANTS_OF_EACH  # some were damaged enough to be refused, or nothing was tried

"""Fuzz targets of what probes send: OpenIGTLink here; the others are in tests/unit/probe."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from fastcrc import crc64

from echonode.errors import ProtocolError
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.frames.streams.stream import PendingFrame
from echonode.probe.openigtlink.command import Command, encode_command
from echonode.probe.openigtlink.image import encode_image
from echonode.probe.openigtlink.messages import HEADER, Message, encode
from tests.fuzz.target import Target
from tests.unit.probe.fuzz_targets import SEEDS


def openigtlink(data: bytes) -> None:
    """Frames of rising number, whose count agrees; or ProtocolError, and nothing more after it.

    The first byte chooses the size of the pieces in which the rest arrives, and the checksums of
    the messages are made right, so that damage reaches the bodies.
    """
    stream = OpenIGTLinkStream(StreamSettings())
    frames: list[object] = []
    size = 1 + 37 * (data[0] if data else 0)
    rest = _checked(data[1:]) if data and data[0] & 1 else data[1:]
    try:
        for start in range(0, len(rest), size):
            frames += stream.receive(rest[start : start + size])
    except ProtocolError:
        assert stream.failure is not None
    stream.outgoing()
    frames += stream.finish()
    numbers = [frame.sequence for frame in frames if isinstance(frame, PendingFrame)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= stream.counts.frames


def messages_of(data: bytes) -> Sequence[bytes]:
    """The messages of a stream, the byte before them first."""
    pieces, at = [data[:1]], 1
    while at + HEADER.size <= len(data):
        end = at + HEADER.size + HEADER.unpack_from(data, at)[4]
        pieces.append(data[at:end])
        at = end
    return [*pieces, data[at:]]


def _checked(data: bytes) -> bytes:
    """The stream with the right CRC in each header that can be found."""
    stream, at = bytearray(data), 0
    while at + HEADER.size <= len(stream):
        size = HEADER.unpack_from(stream, at)[4]
        body = bytes(stream[at + HEADER.size : at + HEADER.size + size])
        stream[at + 50 : at + 58] = struct.pack(">Q", crc64.ecma_182(body))
        at += HEADER.size + size
    return bytes(stream)


def _link_seed() -> bytes:
    pixels = np.arange(2 * 9 * 7, dtype=np.uint8).reshape(2, 9, 7)
    image = encode_image(pixels[:1], spacing_mm=(0.3, 0.2, 1.0), little_endian=True)
    volume = encode_image(pixels, spacing_mm=(0.3, 0.2, 1.0), little_endian=False)
    matrix = struct.pack(">12f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6, 7)
    command = encode_command(Command(command_id=7, name="Capture", text="<Command/>"))
    messages = b"".join(
        encode(message)
        for message in (
            Message(type="STATUS", device="x", content=b""),
            Message(type="TRANSFORM", device="ProbeToTracker", content=matrix, timestamp_s=1.0),
            Message(type="IMAGE", device="Image", content=image, timestamp_s=1.0),
            Message(
                type="IMAGE",
                device="Image",
                content=volume,
                header_version=2,
                message_id=3,
                metadata={"key": "value"},
            ),
        )
    )
    return b"\1" + messages + command


TARGETS = (
    Target(run=openigtlink, seeds=(_link_seed(),), cut=messages_of),
    *(Target(run=run, seeds=(seed,)) for run, seed in SEEDS.items()),
)

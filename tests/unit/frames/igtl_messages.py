"""OpenIGTLink messages as senders send them, and what a stream makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.frames.frame import Frame
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.frames.streams.stream import PendingCommand, PendingFrame
from echonode.probe.openigtlink.image import IMAGE_HEADER, encode_image
from echonode.probe.openigtlink.messages import Message, encode
from tests.unit.frames.pictures import OPENED

GREY = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)


def image(
    pixels: NDArray[Any] = GREY,
    *,
    device: str = "Image_Reference",
    timestamp_s: float | None = None,
    spacing_mm: tuple[float, float, float] = (0.2, 0.1, 1.0),
    **more: Any,
) -> bytes:
    """An IMAGE message with one volume (k, j, i[, components])."""
    content = encode_image(pixels, spacing_mm=spacing_mm)
    return encode(
        Message(type="IMAGE", device=device, content=content, timestamp_s=timestamp_s, **more)
    )


def patch(offset: tuple[int, int], rows: int, *, of: NDArray[Any] = GREY) -> bytes:
    """An IMAGE message with `rows` whole rows of `of`, from row offset[1]."""
    i, j = offset
    part = of[:, j : j + rows]
    content = bytearray(encode_image(part, spacing_mm=(1.0, 1.0, 1.0)))
    values = list(IMAGE_HEADER.unpack_from(content))
    values[5:8] = (of.shape[2], of.shape[1], 1)
    values[20:23] = (i, j, 0)
    IMAGE_HEADER.pack_into(content, 0, *values)
    return encode(Message(type="IMAGE", device="Image_Reference", content=bytes(content)))


def message(kind: str, content: bytes = b"", *, device: str = "x", **more: Any) -> bytes:
    return encode(Message(type=kind, device=device, content=content, **more))


def frames_of(stream: OpenIGTLinkStream, data: bytes) -> list[PendingFrame]:
    return [one for one in stream.receive(data) if isinstance(one, PendingFrame)]


def commands_of(stream: OpenIGTLinkStream, data: bytes) -> list[PendingCommand]:
    return [one for one in stream.receive(data) if isinstance(one, PendingCommand)]


def pixels_of(frames: Sequence[PendingFrame]) -> list[NDArray[np.uint8]]:
    return [frame.develop().pixels for frame in frames]


def taken(sequence: int, elapsed_s: float, *, side: int = 4) -> Frame:
    """A frame as the frames thread gives it, different from every other."""
    return Frame(
        pixels=np.full((side, side), sequence % 256, dtype=np.uint8),
        calibration=None,
        acquired_at=OPENED,
        elapsed_s=elapsed_s,
        sequence=sequence,
    )

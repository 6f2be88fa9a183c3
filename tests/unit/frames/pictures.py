"""Frames through the real chain without a socket, and greyscale PNG files to look at."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echonode.frames.frame import Calibration, Frame, Picture
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.sector_stream import SectorStream
from echonode.probe.echopen.kit import KitDecoder, encode_header, encode_line
from echonode.probe.recordings.echopen_text import KitRecording

OPENED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANY = Calibration(region=(0, 0, 3, 3), physical_delta_x_cm=0.03, physical_delta_y_cm=0.02)


def wire(recording: KitRecording) -> bytes:
    """A connection's bytes: the header, then the frames in zig-zag."""
    header, parts = recording.header, [encode_header(recording.header)]
    for turn, frame in enumerate(recording.frames):
        order = range(header.lines) if turn % 2 == 0 else range(header.lines - 1, -1, -1)
        parts += [encode_line(header, line + 1, frame[line]) for line in order]
    return b"".join(parts)


def pictures(recording: KitRecording, settings: StreamSettings | None = None) -> list[Picture]:
    """Every frame of the recording, developed in order."""
    settings = settings or StreamSettings()
    stream = SectorStream(KitDecoder(settings.profile), settings)
    pending = [*stream.receive(wire(recording)), *stream.finish()]
    return [frame.develop() for frame in pending]


def frame(
    sequence: int,
    elapsed_s: float,
    *,
    side: int = 4,
    calibration: Calibration | None = ANY,
    missing_lines: int = 0,
) -> Frame:
    """A small grey frame for tests that do not look at pixels."""
    return Frame(
        pixels=np.full((side, side), 9, dtype=np.uint8),
        calibration=calibration,
        acquired_at=OPENED,
        elapsed_s=elapsed_s,
        sequence=sequence,
        missing_lines=missing_lines,
    )


def contact_sheet(images: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Images side by side, `columns` in a row; black where one is missing or smaller."""
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    filled = [
        np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1])))
        for image in images
    ]
    padded = [*filled, *[np.zeros_like(filled[0])] * (-len(images) % columns)]
    rows = [np.hstack(padded[k : k + columns]) for k in range(0, len(padded), columns)]
    return np.vstack(rows)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """An 8 bit greyscale PNG."""
    height, width = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )

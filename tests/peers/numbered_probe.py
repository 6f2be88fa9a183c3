"""A probe whose pictures say which they are: the number of each stands in its pixels.

The number survives JPEG: 24 squares of black or white along the top, the lowest bit first.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from echonode.probe.simulation.openigtlink_sender import OpenIGTLinkSender, OutgoingImage

ROWS, COLUMNS = 480, 640
BITS, SIDE = 24, 16


def numbered(number: int, *, rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.uint8]:
    """The picture of that number; the rest is a ramp that moves, as hard to compress as tissue."""
    noise = _noise(number % 8, rows, columns)
    ramp = (np.arange(columns) // 4 + number).astype(np.uint8) // 2
    pixels: NDArray[np.uint8] = noise + ramp
    for bit in range(BITS):
        pixels[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 255 if number >> bit & 1 else 0
    return pixels


@functools.cache
def _noise(seed: int, rows: int, columns: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 40, (rows, columns), dtype=np.uint8)


def number_in(pixels: NDArray[np.uint8]) -> int:
    """Which picture it is, of what came out of a JPEG or a DICOM object."""
    middle = SIDE // 2
    bits = [int(pixels[middle, bit * SIDE + middle]) > 127 for bit in range(BITS)]
    return sum(1 << bit for bit, is_set in enumerate(bits) if is_set)


def numbered_images() -> Iterator[OutgoingImage]:
    """Pictures 0, 1, 2 ... without end."""
    for number in itertools.count():
        yield OutgoingImage(pixels=numbered(number), spacing_mm=(0.2, 0.2))


def numbered_sender(*, fps: float, port: int = 0) -> OpenIGTLinkSender:
    """Sends them over OpenIGTLink at so many a second."""
    return OpenIGTLinkSender(numbered_images, port=port, fps=fps)


def probe_section(port: int, *, mode: str = "manual", name: str = "handheld") -> dict[str, object]:
    """The node's configuration of a probe that connects to the sender."""
    return {
        "name": name,
        "protocol": "openigtlink",
        "connect": f"127.0.0.1:{port}",
        "capture": {"mode": mode, "gap_s": 0.5, "max_clip_s": 20},
        "profile": {"calibrated": True},
    }

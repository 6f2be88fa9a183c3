"""A thumbnail is small, looks like its frame, and is drawn of nothing that needs a codec."""

from __future__ import annotations

import numpy as np
import pytest
import simplejpeg

from echonode.errors import InvalidObject
from echonode.transcoding.frame_thumbnail import LONGER_SIDE, can_be_drawn, thumbnail
from echonode.transcoding.pixel_layout import Pixels


def pixels(rows: int, columns: int, **more: object) -> Pixels:
    values: dict[str, object] = {
        "samples": 1,
        "bits_allocated": 8,
        "bits_stored": 8,
        "frames": 1,
        "photometric": "MONOCHROME2",
        **more,
    }
    return Pixels(rows=rows, columns=columns, **values)  # type: ignore[arg-type]


def decoded(jpeg: bytes, colours: str = "GRAY") -> np.ndarray:
    return np.asarray(simplejpeg.decode_jpeg(jpeg, colorspace=colours)).squeeze()


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 3), (512, 512), (480, 640), (191, 193)])
def test_its_longer_side_is_bounded(size: tuple[int, int]) -> None:
    """Any frame, however odd its shape, becomes a small picture of about the same shape."""
    jpeg = thumbnail(bytes(size[0] * size[1]), pixels(*size))
    assert 0 < max(np.shape(np.atleast_2d(decoded(jpeg)))) <= LONGER_SIDE
    assert len(jpeg) < 20_000


def test_left_and_right_top_and_bottom_stay() -> None:
    """A bright quarter is bright in the same quarter."""
    frame = np.zeros((400, 400), np.uint8)
    frame[:200, 200:] = 250
    small = decoded(thumbnail(frame.tobytes(), pixels(400, 400)))
    half = small.shape[0] // 2
    assert small[: half - 4, half + 4 :].mean() > 240
    assert small[half + 4 :].mean() < 10


def test_monochrome1_is_turned_over() -> None:
    """0 is white there (PS3.3 C.7.6.3.1.2)."""
    jpeg = thumbnail(bytes(100 * 100), pixels(100, 100, photometric="MONOCHROME1"))
    assert decoded(jpeg).mean() > 250


def test_sixteen_bits_are_stretched() -> None:
    """Values of a narrow range far from 0 and 65535 are still told apart."""
    frame = np.full((100, 100), 1000, "<u2")
    frame[:50] = 1100
    jpeg = thumbnail(frame.tobytes(), pixels(100, 100, bits_allocated=16, bits_stored=12))
    assert decoded(jpeg)[:40].mean() > 240
    assert decoded(jpeg)[60:].mean() < 15


@pytest.mark.parametrize("planar", [False, True])
def test_colour_by_pixel_and_by_plane(planar: bool) -> None:
    """A red frame is red either way."""
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[..., 0] = 255
    data = frame.transpose(2, 0, 1).tobytes() if planar else frame.tobytes()
    jpeg = thumbnail(data, pixels(64, 64, samples=3, photometric="RGB", planar=planar))
    red, green, blue = decoded(jpeg, "RGB").reshape(-1, 3).mean(axis=0)
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize(
    "kind",
    [
        pixels(100, 100, photometric="PALETTE COLOR"),
        pixels(100, 100, photometric="YBR_RCT", samples=3),
        pixels(100, 100, bits_allocated=32, bits_stored=32),
        pixels(60_000, 60_000),
        pixels(0, 100),
    ],
)
def test_other_kinds_have_none(kind: Pixels) -> None:
    """Refused by their attributes, before a pixel is read."""
    assert not can_be_drawn(kind)
    with pytest.raises(InvalidObject):
        thumbnail(b"", kind)

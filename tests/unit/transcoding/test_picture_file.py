"""A picture's file shows the picture: PNG to the last bit, JPEG nearly, and neither has text."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import simplejpeg

from echonode.transcoding.picture_file import jpeg_of, png_of


def read_png(data: bytes) -> np.ndarray:
    """The pixels of a PNG of 8 bits whose rows have no filter or Up; every CRC is checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, position = {}, 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        name, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        (crc,) = struct.unpack_from(">I", data, position + 8 + length)
        assert crc == zlib.crc32(name + body)
        chunks[name] = body
        position += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, kind, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 8
    samples = {0: 1, 2: 3}[kind]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    lines = lines.reshape(height, 1 + width * samples)
    assert set(lines[:, 0]) == {2}
    picture = np.cumsum(lines[:, 1:], axis=0, dtype=np.uint64).astype(np.uint8)
    return picture.reshape(height, width, samples)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 1), (64, 33, 3)])
def test_a_png_has_every_value(shape: tuple[int, int, int]) -> None:
    """Grey and colour, odd sizes."""
    picture = np.random.default_rng(7).integers(0, 256, shape, np.uint8)
    assert np.array_equal(read_png(png_of(picture)), picture)


@pytest.mark.parametrize(("samples", "colours"), [(1, "GRAY"), (3, "RGB")])
def test_a_jpeg_looks_like_its_picture(samples: int, colours: str) -> None:
    """And is smaller where its quality is lower."""
    ramp = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (64, 1))
    picture = np.repeat(ramp[..., np.newaxis], samples, axis=2)
    best = jpeg_of(picture, 95)
    decoded = simplejpeg.decode_jpeg(best, colorspace=colours)
    assert np.abs(decoded.astype(int) - picture).max() < 8
    assert len(jpeg_of(picture, 20)) < len(best)

"""What a compressed frame says of itself is compared with the dataset before it is decoded."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest
from pydicom.filereader import read_file_meta_info

from echonode.errors import InvalidObject
from echonode.transcoding import codecs
from echonode.transcoding.codecs import (
    DECODED,
    JPEG_2000,
    JPEG_2000_REVERSIBLE,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LS,
    LOSSLESS_ENCODED,
    RLE,
)
from echonode.transcoding.codestream_header import check_codestream
from echonode.transcoding.dataset import NATIVE, open_source
from echonode.transcoding.pixel_layout import MOST_SAMPLES, Pixels, check_size

PIXELS = Pixels(
    rows=64,
    columns=48,
    samples=1,
    bits_allocated=8,
    bits_stored=8,
    frames=1,
    photometric="MONOCHROME2",
)
COLOUR = dataclasses.replace(PIXELS, samples=3, photometric="RGB")
FRAME = np.random.default_rng(1).integers(0, 256, PIXELS.frame_bytes, np.uint8).tobytes()
ENCODED: dict[str, bytes] = {
    syntax: codecs.encode(FRAME, PIXELS, syntax, 90)
    for syntax in (*LOSSLESS_ENCODED, JPEG_BASELINE)
}
SIZED = tuple(syntax for syntax in ENCODED if syntax != RLE)


def patched(syntax: str, rows: int, columns: int) -> bytes:
    """The same few bytes, with a size of the attacker's."""
    stream = ENCODED[syntax]
    if syntax == JPEG_2000_REVERSIBLE:
        at = stream.index(b"\xff\x51")
        size = struct.pack(">2I", columns, rows)
        tiles = stream[at + 14 : at + 22] + size  # offsets, then one tile of all
        return stream[: at + 6] + size + tiles + stream[at + 30 :]
    marker = b"\xff\xf7" if syntax == JPEG_LS else b"\xff\xc0"
    at = stream.index(marker) + 5
    return stream[:at] + struct.pack(">2H", rows, columns) + stream[at + 4 :]


@pytest.mark.parametrize("syntax", ENCODED)
def test_what_our_own_encoders_write_is_let_pass(syntax: str) -> None:
    """Each of them, grey and in colour."""
    check_codestream(ENCODED[syntax], PIXELS, syntax)
    colour = codecs.encode(FRAME * 3, COLOUR, syntax, 90)
    check_codestream(colour, COLOUR, syntax)


@pytest.mark.parametrize(("rows", "columns"), [(60_000, 60_000), (64, 49), (65, 48), (1, 1)])
@pytest.mark.parametrize("syntax", SIZED)
def test_a_codestream_of_another_size_is_not_decoded(
    syntax: str, rows: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a kilobyte that asks for gigabytes never reaches the decoder."""
    monkeypatch.setattr(codecs, "_DECODERS", {})
    with pytest.raises(InvalidObject, match="Rows and Columns"):
        codecs.decode(patched(syntax, rows, columns), PIXELS, syntax)


@pytest.mark.parametrize("process", [0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCF, 0xF7])
def test_another_jpeg_process_is_not_decoded_as_baseline(process: int) -> None:
    """Progressive above all, which takes the whole frame several times."""
    stream = ENCODED[JPEG_BASELINE].replace(b"\xff\xc0", bytes((0xFF, process)), 1)
    with pytest.raises(InvalidObject, match="another process"):
        check_codestream(stream, PIXELS, JPEG_BASELINE)
    with pytest.raises(InvalidObject, match="another process"):
        check_codestream(ENCODED[JPEG_BASELINE], PIXELS, JPEG_LOSSLESS)


@pytest.mark.parametrize("syntax", SIZED)
def test_other_components_and_depths_are_not_decoded(syntax: str) -> None:
    """Three samples where the dataset says one, and sixteen bits where it allocates eight."""
    with pytest.raises(InvalidObject, match="Samples per Pixel"):
        check_codestream(ENCODED[syntax], COLOUR, syntax)
    if syntax != JPEG_BASELINE:
        deep = dataclasses.replace(PIXELS, bits_allocated=16, bits_stored=12)
        stream = codecs.encode(FRAME * 2, dataclasses.replace(deep, bits_stored=16), syntax)
        with pytest.raises(InvalidObject, match="more bits"):
            check_codestream(stream, PIXELS, syntax)
        check_codestream(stream, deep, syntax)


def test_jpeg_2000_of_a_million_tiles_is_not_decoded() -> None:
    """Each tile costs memory, however small the picture."""
    large = dataclasses.replace(PIXELS, rows=4096, columns=4096)
    stream = patched(JPEG_2000_REVERSIBLE, 4096, 4096)
    at = stream.index(b"\xff\x51") + 22
    tiny = stream[:at] + struct.pack(">2I", 2, 2) + stream[at + 8 :]
    check_codestream(stream, large, JPEG_2000)
    with pytest.raises(InvalidObject, match="tiles"):
        check_codestream(tiny, large, JPEG_2000)


def test_rle_must_have_its_segments() -> None:
    """One for each byte of a sample (PS3.5 G.2), one behind the other."""
    with pytest.raises(InvalidObject, match="segment"):
        check_codestream(ENCODED[RLE], COLOUR, RLE)
    with pytest.raises(InvalidObject, match="segments"):
        check_codestream(struct.pack("<16I", 1, 9_999, *(14 * [0])), PIXELS, RLE)


@pytest.mark.parametrize("syntax", sorted(DECODED))
def test_whatever_a_codestream_is_it_is_refused_in_our_words(syntax: str) -> None:
    """Empty, cut off at any byte, or noise: InvalidObject, and nothing else."""
    whole = ENCODED.get(syntax, ENCODED[JPEG_BASELINE])
    noise = np.random.default_rng(2).integers(0, 256, 200, np.uint8).tobytes()
    starts = (b"\xff\xd8" + noise, b"\x00\x00\x00\x0cjP  " + noise, b"\xff\x4f\xff\x51" + noise)
    for stream in (*(whole[:end] for end in range(min(120, len(whole)))), noise, *starts):
        try:
            check_codestream(stream, PIXELS, syntax)
        except InvalidObject:
            continue


def test_a_jp2_file_in_the_place_of_a_codestream_is_read() -> None:
    """Some devices store the file format; its boxes are stepped over."""
    boxes = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + struct.pack(">I4s", 12, b"ftyp") + bytes(4)
    stream = boxes + struct.pack(">I4s", 0, b"jp2c") + ENCODED[JPEG_2000_REVERSIBLE]
    check_codestream(stream, PIXELS, JPEG_2000)


def test_frames_that_are_too_large_are_refused_before_a_process_has_them() -> None:
    """8192 x 8192 may be; one more column may not."""
    check_size(dataclasses.replace(PIXELS, rows=8192, columns=8192))
    with pytest.raises(InvalidObject, match=f"{MOST_SAMPLES:,}"):
        check_size(dataclasses.replace(PIXELS, rows=8192, columns=8193))
    with pytest.raises(InvalidObject, match="longer than an element"):
        check_size(dataclasses.replace(PIXELS, rows=8192, columns=8192, frames=64))


def test_every_real_compressed_file_is_let_pass(shared_data: Path) -> None:
    """What sixteen vendors write is what it says it is."""
    seen = set()
    for path in sorted((shared_data / "us").glob("*.dcm")):
        syntax = str(read_file_meta_info(path).TransferSyntaxUID)
        if syntax in NATIVE or syntax not in DECODED:
            continue
        data = path.read_bytes()
        source = open_source(
            memoryview(data)[144 + int.from_bytes(data[140:144], "little") :], syntax
        )
        for frame in source.frames():
            check_codestream(frame, source.pixels, syntax)
        seen.add(syntax)
    assert len(seen) >= 4

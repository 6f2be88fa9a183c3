"""Where pyjpegls has no build for the Python that runs: what of JPEG-LS is there all the same."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from echonode.errors import InvalidObject
from echonode.transcoding.codecs import (
    JPEG_2000_REVERSIBLE,
    JPEG_LS,
    LOSSLESS_ENCODED,
    RLE,
    decode,
    encode,
    lossless_encoded,
)
from echonode.transcoding.pixel_layout import Pixels

GREY = Pixels(
    rows=8,
    columns=16,
    samples=1,
    bits_allocated=8,
    bits_stored=8,
    frames=1,
    photometric="MONOCHROME2",
)
FRAME = bytes(range(128))
COLOUR = dataclasses.replace(GREY, samples=3, photometric="RGB")
COLOUR_FRAME = bytes(number % 251 for number in range(384))
# Both in JPEG-LS (ISO 14495-1) without loss, as CharLS writes them; colour is by sample.
IN_JPEG_LS = bytes.fromhex(
    "ffd8fff7000b080008001001011100ffda0008010100000000adb6fdbffe0134afff0027ff78f7ff"
    "79cfff735fff6c7fff2dff7effd9"
)
COLOUR_IN_JPEG_LS = bytes.fromhex(
    "ffd8fff70011080008001003011100021100031100ffda000c03010002000300000200444cbd7dab"
    "edbfff7d7db7ff7fff7ffc0000057c0000057cf99369557fff7fff6c980000057cf973ff7fff7fff"
    "7a4b4b0adfff7fff7fff29514943ff7fff7fff769c9895fe0040100657ff7fff729494143f280000"
    "057cf973ff7fff7fd69615bfff7fff7fff40ffd9"
)


@pytest.fixture
def no_jpeg_ls(monkeypatch: pytest.MonkeyPatch) -> None:
    """`import jpeg_ls` fails, as where it is not installed."""
    monkeypatch.setitem(sys.modules, "jpeg_ls", None)


@pytest.mark.usefixtures("no_jpeg_ls")
def test_it_is_decoded_by_another_codec() -> None:
    """What was stored as JPEG-LS is still sent to an archive that does not take it."""
    assert decode(IN_JPEG_LS, GREY, JPEG_LS) == FRAME
    assert decode(COLOUR_IN_JPEG_LS, COLOUR, JPEG_LS) == COLOUR_FRAME


@pytest.mark.usefixtures("no_jpeg_ls")
def test_it_is_not_encoded_and_the_message_names_the_package() -> None:
    """That instance goes in another transfer syntax, or says why it cannot."""
    with pytest.raises(InvalidObject, match="pyjpegls is not installed"):
        encode(FRAME, GREY, JPEG_LS)


def test_it_is_not_proposed_to_an_archive() -> None:
    """The other lossless syntaxes are, in their order."""
    assert lossless_encoded(jpeg_ls=False) == (JPEG_2000_REVERSIBLE, RLE)
    assert lossless_encoded(jpeg_ls=True) == (JPEG_LS, JPEG_2000_REVERSIBLE, RLE)
    assert LOSSLESS_ENCODED[-2:] == (JPEG_2000_REVERSIBLE, RLE)

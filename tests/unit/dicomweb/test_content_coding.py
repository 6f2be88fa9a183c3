"""Which callers get gzip, and that they get the same."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator

import pytest

from echonode.dicomweb.content_coding import gzipped, takes_gzip


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("gzip, deflate, br", True),
        ("deflate,gzip;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("*, gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("*;q=0", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=", False),
        ("gzip;q=nan", False),
        ("gzip;level=9", False),
        (";;,,=", False),
    ],
)
def test_a_caller_gets_it_that_says_so(header: str, takes: bool) -> None:  # a row
    """By its weight (RFC 9110 12.5.3); what cannot be read is no request for it."""
    assert takes_gzip(header) is takes


def test_the_stream_is_whole_and_each_piece_can_be_read_when_it_comes() -> None:
    """One gzip member; nothing of a piece waits for the next."""
    pieces = [b"[" + b'{"00080060":{"vr":"CS"}}' * 1_000, b",", b"]"]
    closed = []

    def made() -> Generator[bytes, None, None]:
        try:
            yield from pieces
        finally:
            closed.append(True)

    sent = list(gzipped(made()))
    assert all(sent)
    assert closed == [True]
    assert gzip.decompress(b"".join(sent)) == b"".join(pieces)
    assert len(b"".join(sent)) < len(b"".join(pieces)) / 10
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert [reader.decompress(each) for each in sent[:3]] == pieces


def test_a_caller_that_leaves_ends_what_makes_the_answer() -> None:
    """As without compression: a database connection is behind it."""
    closed = []

    def made() -> Generator[bytes, None, None]:
        try:
            yield b"x"
            yield b"y"
        finally:
            closed.append(True)

    stream = gzipped(made())
    next(stream)
    stream.close()
    assert closed == [True]

"""multipart/related is read however it is cut, and what is made can be read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dicomweb.multipart import (
    LONGEST_HEAD,
    LONGEST_PREAMBLE,
    BadMultipart,
    Event,
    MultipartReader,
    PartData,
    PartEnd,
    PartHead,
    end,
    part_head,
)

Parts = list[tuple[Mapping[str, str], bytes]]


def read(boundary: str, pieces: Iterable[bytes]) -> Parts:
    reader = MultipartReader(boundary)
    events: list[Event] = []
    for piece in pieces:
        events += reader.feed(piece)
    reader.close()
    parts: list[list[object]] = []
    ended = 0
    for event in events:
        match event:
            case PartHead(headers):
                assert ended == len(parts)
                parts.append([headers, b""])
            case PartData(data):
                assert data
                parts[-1][1] += data  # type: ignore[operator]
            case PartEnd():
                ended += 1
    assert ended == len(parts)
    return [(headers, data) for headers, data in parts]  # type: ignore[misc]


def composed(boundary: str, parts: Iterable[tuple[Mapping[str, str], bytes]]) -> bytes:
    body, first = b"", True
    for headers, data in parts:
        body += part_head(boundary, headers, first=first) + data
        first = False
    return body + end(boundary, first=first)


@pytest.mark.slow
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([b"", b"\r\n", b"\r\n--", b"--b", b"\r\n--b", b"\r\n\r\n--a\r\n"]),
        ),
        max_size=5,
    ),
    st.lists(st.integers(min_value=1, max_value=40), max_size=60),
)
def test_what_is_made_is_read_however_it_is_cut(contents: list[bytes], cuts: list[int]) -> None:
    """Bytes that look like a boundary included."""
    boundary = "bX"
    body = composed(boundary, [({"Content-Type": "a/b"}, each) for each in contents])
    pieces, at = [], 0
    for size in cuts:
        pieces.append(body[at : at + size])
        at += size
    pieces.append(body[at:])
    found = read(boundary, [piece for piece in pieces if piece])
    assert found == [({"content-type": "a/b"}, each) for each in contents]


def test_what_stands_before_and_behind_is_ignored() -> None:
    """RFC 2046 5.1."""
    body = b"hello\r\n--b  \r\nA: 1\r\n\r\nx\r\n--b--\r\nmore\r\n--b\r\n"
    assert read("b", [body]) == [({"a": "1"}, b"x")]


def test_a_part_needs_no_headers() -> None:
    """One line end ends them."""
    assert read("b", [b"--b\r\n\r\nx\r\n--b--"]) == [({}, b"x")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b\r\n",
        b"--b\r\nA: 1\r\n\r\nx",
        b"--b\r\nA: 1\r\n\r\nx\r\n--b",
        b"--b\r\nno colon\r\n\r\nx\r\n--b--",
        b"--bc\r\n\r\nx\r\n--bc--",
        b"--b\r\nA:" + b"1" * LONGEST_HEAD + b"\r\n\r\nx\r\n--b--",
        b"p" * (LONGEST_PREAMBLE + 100),
        b"--b" + b" " * (LONGEST_HEAD + 100),
    ],
)
def test_a_body_that_is_none_is_refused(body: bytes) -> None:
    """With words, and without being kept."""
    with pytest.raises(BadMultipart):
        read("b", [body[at : at + 1000] for at in range(0, len(body), 1000)])


@pytest.mark.slow
@given(st.binary(max_size=300))
def test_any_bytes_end_well(body: bytes) -> None:
    """They are parts, or refused."""
    for content in (body, b"--b\r\n" + body, b"--b\r\nA: 1\r\n\r\n" + body):
        with contextlib.suppress(BadMultipart):
            read("b", [content])


@pytest.mark.parametrize("boundary", ["", "x" * 201, "ü"])
def test_a_boundary_has_its_limits(boundary: str) -> None:
    """RFC 2046 5.1.1."""
    with pytest.raises(BadMultipart):
        MultipartReader(boundary)

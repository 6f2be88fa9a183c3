"""OpenIGTLink messages decode as the standard's own examples say, and damaged ones are refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.image import SCALAR_TYPES, decode_image, encode_image
from echonode.probe.openigtlink.messages import HEADER, Message, OpenIGTLinkDecoder, Refused, encode
from tests.support.examples import examples

GOLDEN = ("golden_v1_image", "golden_v1_status", "golden_v1_transform")
METADATA = "golden_v2_transform_with_metadata"


def golden(real_data: Path, name: str) -> bytes:
    return (real_data / "probe" / "openigtlink" / f"{name}.bin").read_bytes()


@pytest.mark.parametrize("name", [*GOLDEN, METADATA])
def test_golden_messages_decode_whole_byte_by_byte_and_with_a_tail(
    real_data: Path, name: str
) -> None:
    """However TCP splits the stream, the same messages come out."""
    raw = golden(real_data, name)
    (whole,) = OpenIGTLinkDecoder().receive(raw)
    assert isinstance(whole, Message)
    decoder = OpenIGTLinkDecoder()
    pieces = [message for byte in raw for message in decoder.receive(bytes([byte]))]
    assert pieces == [whole]
    assert OpenIGTLinkDecoder().receive(raw + raw[:40]) == [whole]


def test_the_golden_image_is_50_by_50(real_data: Path) -> None:
    """The v1 IMAGE of the OpenIGTLink project's own tests."""
    (message,) = OpenIGTLinkDecoder().receive(golden(real_data, "golden_v1_image"))
    assert isinstance(message, Message)
    image = decode_image(message)
    assert image is not None
    assert image.pixels.shape == (1, 50, 50)
    assert image.is_whole


def test_metadata_of_protocol_3_are_read(real_data: Path) -> None:
    """Keys and values of the extended header arrive as text."""
    (message,) = OpenIGTLinkDecoder().receive(golden(real_data, METADATA))
    assert isinstance(message, Message)
    assert message.metadata == {"First patient age": "22", "Second patient age": "25"}


@pytest.mark.parametrize("name", [*GOLDEN, METADATA])
def test_one_flipped_bit_in_a_body_is_refused(real_data: Path, name: str) -> None:
    """A damaged body is never decoded, and the message behind it still is."""
    raw = golden(real_data, name)
    for position in random.Random(1).sample(range(HEADER.size, len(raw)), 40):
        damaged = bytearray(raw)
        damaged[position] ^= 1 << position % 8
        refused, good = OpenIGTLinkDecoder().receive(bytes(damaged) + raw)
        assert isinstance(refused, Refused)
        assert isinstance(good, Message)


@pytest.mark.parametrize("scalar", sorted(SCALAR_TYPES.values()))
@pytest.mark.parametrize("components", [1, 3, 4])
@pytest.mark.parametrize("little_endian", [True, False])
def test_every_scalar_type_and_byte_order_survives(
    scalar: str, components: int, little_endian: bool
) -> None:
    """What a sender packs is what we read, pixel for pixel."""
    shape = (2, 5, 7, components) if components > 1 else (2, 5, 7)
    pixels = np.arange(np.prod(shape)).reshape(shape).astype(scalar)
    content = encode_image(pixels, spacing_mm=(0.3, 0.2, 1.0), little_endian=little_endian)
    image = decode_image(Message(type="IMAGE", device="x", content=content))
    assert image is not None
    assert np.array_equal(image.pixels, pixels)
    assert image.spacing_mm == pytest.approx((0.3, 0.2, 1.0))


def test_an_empty_image_body_is_no_image() -> None:
    """Brainlab sends IMAGE without a body when nothing is on its screen."""
    assert decode_image(Message(type="IMAGE", device="x", content=b"")) is None


def test_a_body_of_4_gib_is_refused_before_it_is_kept() -> None:
    """A length from the wire allocates nothing."""
    header = HEADER.pack(1, b"IMAGE", b"x", 0, 2**32, 0)
    with pytest.raises(ProtocolError, match="4294967296"):
        OpenIGTLinkDecoder().receive(header)


@pytest.mark.parametrize(
    ("offset", "value"), [(0, b"\0\x63"), (2, b"\xff\xfe"), (2, b"\0" * 12), (14, b"\n")]
)
def test_a_header_that_cannot_be_one_ends_the_connection(offset: int, value: bytes) -> None:
    """Versions, types and names that do not exist raise the protocol error."""
    raw = bytearray(encode(Message(type="STATUS", device="x", content=b"")))
    raw[offset : offset + len(value)] = value
    with pytest.raises(ProtocolError):
        OpenIGTLinkDecoder().receive(bytes(raw))


def test_what_we_encode_we_decode() -> None:
    """Type, device, time, id and metadata survive a round trip in both header versions."""
    sent = Message(
        type="STATUS",
        device="EchoNode",
        content=b"abc",
        timestamp_s=12.5,
        header_version=2,
        message_id=7,
        metadata={"k": "wärme"},
    )
    assert OpenIGTLinkDecoder().receive(encode(sent)) == [sent]


@pytest.mark.slow
@settings(max_examples=examples(300))
@given(st.binary(max_size=200), st.integers(0, 57), st.binary(min_size=1, max_size=8))
def test_any_bytes_parse_or_raise_the_protocol_error(
    body: bytes, position: int, patch: bytes
) -> None:
    """Invariant: parses, or raises ProtocolError: nothing else."""
    raw = bytearray(encode(Message(type="IMAGE", device="x", content=body, header_version=2)))
    raw[position : position + len(patch)] = patch
    try:
        for message in OpenIGTLinkDecoder().receive(bytes(raw)):
            if isinstance(message, Message):
                decode_image(message)
        decode_image(Message(type="IMAGE", device="x", content=body))
    except ProtocolError:
        pass

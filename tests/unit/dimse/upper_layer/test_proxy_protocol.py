"""The head of a connection that a balancer passes on."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dimse.upper_layer.proxy_protocol import (
    HEAD_BYTES,
    MOST_BYTES,
    ProxyHeaderWrong,
    caller_of,
    rest_of,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def header(
    source: str = "10.0.3.20", port: int = 50_000, *, command: int = 0x21, more: bytes = b""
) -> bytes:
    address = ip_address(source)
    addresses = address.packed * 2 + struct.pack(">HH", port, 104)
    family = 0x11 if address.version == 4 else 0x21
    return (
        SIGNATURE + struct.pack(">BBH", command, family, len(addresses + more)) + addresses + more
    )


def parsed(data: bytes) -> tuple[str, int] | None:
    head = data[:HEAD_BYTES]
    return caller_of(head, data[HEAD_BYTES : HEAD_BYTES + rest_of(head)])


@pytest.mark.parametrize("source", ["10.0.3.20", "fd00::20"])
def test_the_callers_address_is_read(source: str) -> None:
    """Of both families, whatever follows it."""
    assert parsed(header(source, more=b"\x03\x00\x04abcd") + b"\x01") == (source, 50_000)


def test_an_ipv4_address_in_ipv6_is_the_ipv4_address() -> None:
    """So that it is compared with the addresses of peers as they are written."""
    assert parsed(header("::ffff:10.0.3.20")) == ("10.0.3.20", 50_000)


def test_the_proxys_own_connection_has_no_caller() -> None:
    """Its health check (LOCAL) keeps the proxy's address."""
    assert parsed(header(command=0x20)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PROXY TCP4 10.0.3.20 10.0.3.9 50000 104\r\n",
        header(command=0x11),
        header(command=0x22),
        SIGNATURE + struct.pack(">BBH", 0x21, 0x12, 12) + bytes(12),  # UDP
        SIGNATURE + struct.pack(">BBH", 0x21, 0x11, 4) + bytes(4),
        SIGNATURE + struct.pack(">BBH", 0x21, 0x11, MOST_BYTES + 1),
    ],
    ids=["nothing", "version 1", "version 1 bits", "a command", "UDP", "cut off", "too long"],
)
def test_what_is_not_such_a_header_is_refused(data: bytes) -> None:
    """A trusted proxy that sends anything else is never taken for a caller."""
    with pytest.raises(ProxyHeaderWrong):
        parsed(data)


@given(st.binary(max_size=80))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    """A caller, none, or a refusal: no other error."""
    try:
        parsed(SIGNATURE + data)
    except ProxyHeaderWrong:
        return

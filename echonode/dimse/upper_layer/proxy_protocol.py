"""PROXY protocol v2: which caller a balancer has passed on (haproxy doc/proxy-protocol.txt, 2.2).

Pure: bytes to an address. A balancer takes the caller's connection and makes its own to us, so that
every caller would have the balancer's address, and none could be bound to its own.

Rules
- Only the proxies of the configuration send a header, and they always do. It is never guessed: a
  caller could otherwise give itself any address.
- What follows the address (TLVs) is read and not used. A header is at most MOST_BYTES long.
- LOCAL is a connection of the balancer itself, for its health check: it keeps its own address.
"""

from __future__ import annotations

import ipaddress
import struct

from echonode.dimse.upper_layer.pdu_stream import PduError

HEAD_BYTES = 16
# The addresses are 216 bytes at most; what may follow (a certificate's name, a checksum) is short.
MOST_BYTES = 1024
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_VERSION, _LOCAL, _PROXY = 2, 0, 1
# Family and protocol, with the bytes of one address: TCP over IPv4, over IPv6.
_ADDRESS_BYTES = {0x11: 4, 0x21: 16}


class ProxyHeaderWrong(PduError):
    """A trusted proxy did not begin with a header that can be read."""

    remedy = (
        "Have the proxy send PROXY protocol v2 (`send-proxy-v2` in HAProxy), or take its address "
        "out of `trusted_proxies`."
    )


def rest_of(head: bytes) -> int:
    """How many bytes follow the first HEAD_BYTES of a header. Raises ProxyHeaderWrong."""
    if len(head) < HEAD_BYTES or not head.startswith(_SIGNATURE):
        raise ProxyHeaderWrong("a trusted proxy passed on a caller without a PROXY header")
    version, length = head[12] >> 4, int.from_bytes(head[14:16], "big")
    if version != _VERSION:
        raise ProxyHeaderWrong("the PROXY header of a trusted proxy is not of version 2")
    if length > MOST_BYTES:
        raise ProxyHeaderWrong(f"the PROXY header of a trusted proxy has over {MOST_BYTES} bytes")
    return length


def caller_of(head: bytes, rest: bytes) -> tuple[str, int] | None:
    """The caller's address and port; None for a connection of the proxy itself.

    Raises ProxyHeaderWrong.
    """
    command, family = head[12] & 0x0F, head[13]
    if command == _LOCAL:
        return None
    size = _ADDRESS_BYTES.get(family)
    if command != _PROXY or size is None or len(rest) < 2 * size + 4:
        raise ProxyHeaderWrong("the PROXY header of a trusted proxy names no TCP caller")
    address = ipaddress.ip_address(rest[:size])
    mapped = getattr(address, "ipv4_mapped", None)
    (port,) = struct.unpack_from(">H", rest, 2 * size)
    return str(mapped or address), port

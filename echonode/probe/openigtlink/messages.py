"""OpenIGTLink 1 to 3 on the wire: bytes in, messages out; messages in, bytes out. No I/O.

Rules
- A message is a header of 58 bytes and a body; everything is big-endian except pixels, whose byte
  order the IMAGE header names.
- Header version 1 is protocol 1 and 2: the body is the content. Header version 2 is protocol 3: the
  body is an extended header (whose own size field is honoured), the content, and metadata.
- The body size is checked against a limit before a byte of it is kept, and the room for a body
  becomes memory only as its bytes come.
- A header that cannot be one raises ProtocolError: without it the stream has no frame any more, and
  the link starts again. The whole messages before it come out first.
- Each byte of a body is copied once, from the chunk it came in to the body; content and pixels are
  views of that.
- The CRC covers the body. A body that does not fit its CRC is refused and counted, never decoded;
  the stream goes on behind it.
- The fraction of a timestamp is in units of 2**-32 s, not nanoseconds; 0 is "not given".

Source: openigtlink/OpenIGTLink, Documents/Protocol/{header,v3_extendedheader,timestamp,crc}.md and
Source/igtlutil/igtl_header.h.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from fastcrc import crc64

from echonode.errors import ProtocolError

HEADER = struct.Struct(">H12s20sQQQ")
EXTENDED_HEADER = struct.Struct(">HHII")
METADATA_ENTRY = struct.Struct(">HHI")
# A 4K RGBA image in float32 is 133 MB; nothing an ultrasound sender sends is larger.
BODY_LIMIT = 160 * 1024 * 1024
# A header of metadata has a 16 bit count; real senders use some fifty entries.
METADATA_LIMIT = 1024 * 1024
_ENCODINGS = MappingProxyType({3: "ascii", 106: "utf-8"})  # IANA MIBenum
_NO_METADATA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Message:
    """One whole message.

    timestamp_s: seconds of the sender's own clock, None where not given. content: the body without
    extended header and metadata; read-only. message_id: protocol 3 only.
    """

    type: str
    device: str
    content: bytes | memoryview
    timestamp_s: float | None = None
    header_version: int = 1
    message_id: int = 0
    metadata: Mapping[str, str] = field(default_factory=lambda: _NO_METADATA)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A message whose body was damaged; it is dropped, the stream goes on."""

    type: str
    device: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class _Header:
    version: int
    type: str
    device: str
    timestamp_s: float | None
    body_size: int
    crc: int


def _name(raw: bytes, what: str) -> str:
    """A NUL padded ASCII field."""
    text = raw.split(b"\0", 1)[0]
    if not all(0x20 <= byte < 0x7F for byte in text):
        raise ProtocolError(f"OpenIGTLink: the {what} is not printable ASCII")
    return text.decode("ascii").rstrip(" ")


def _header(raw: memoryview, body_limit: int) -> _Header:
    """The 58 bytes in front of every message."""
    version, type_name, device, timestamp, body_size, crc = HEADER.unpack_from(raw)
    if version not in (1, 2, 3):
        raise ProtocolError(f"OpenIGTLink: header version {version} does not exist")
    message_type = _name(type_name, "message type")
    if not message_type:
        raise ProtocolError("OpenIGTLink: a message without a type")
    if body_size > body_limit:
        raise ProtocolError(
            f"OpenIGTLink: a body of {body_size} bytes; at most {body_limit} are taken"
        )
    return _Header(
        version=version,
        type=message_type,
        device=_name(device, "device name"),
        timestamp_s=timestamp / 2**32 if timestamp else None,
        body_size=body_size,
        crc=crc,
    )


class OpenIGTLinkDecoder:
    """Bytes as they come from the socket, messages out.

    `receive` takes any split of the stream. ProtocolError is the only thing it raises; afterwards
    the decoder must be thrown away with its connection. failure: what it raises from now on.
    """

    def __init__(self, *, body_limit: int = BODY_LIMIT) -> None:
        self._body_limit = body_limit
        self._header: _Header | None = None
        self._room = _room(HEADER.size)  # for the header or the body that is under way
        self._filled = 0
        self.failure: ProtocolError | None = None

    @property
    def unfinished(self) -> Refused | None:
        """The message whose body is under way, as what it is when nothing more comes."""
        if self._header is None:
            return None
        reason = f"it ends after {self._filled} of {self._header.body_size} bytes"
        return Refused(type=self._header.type, device=self._header.device, reason=reason)

    def receive(self, data: bytes | bytearray | memoryview) -> list[Message | Refused]:
        """Take bytes; give every message they complete, in order.

        ProtocolError where there are no messages any more; only once all that was good is out.
        """
        messages: list[Message | Refused] = []
        if self.failure is None:
            try:
                self._decode(memoryview(data), messages)
            except ProtocolError as failure:
                self.failure = failure
        if self.failure is not None and not messages:
            raise self.failure
        return messages

    def _decode(self, view: memoryview, messages: list[Message | Refused]) -> None:
        position = 0
        while True:
            taken = min(len(self._room) - self._filled, len(view) - position)
            filled = self._filled + taken
            self._room[self._filled : filled] = view[position : position + taken]
            position += taken
            self._filled = filled
            if filled < len(self._room):
                return
            if self._header is None:
                self._header = _header(self._room, self._body_limit)
                self._expect(self._header.body_size)
            else:
                messages.append(_message(self._header, self._room.toreadonly()))
                self._header = None
                self._expect(HEADER.size)

    def _expect(self, size: int) -> None:
        self._room, self._filled = _room(size), 0


def _room(size: int) -> memoryview:
    """Bytes to be filled; numpy does not touch them, so the system gives no memory for them yet."""
    return np.empty(size, dtype=np.uint8).data


def _message(header: _Header, body: memoryview) -> Message | Refused:
    """Header and body to a message, or why not."""
    reason = ""
    if crc64.ecma_182(body) != header.crc:
        reason = "its CRC does not fit its body"
    else:
        try:
            return _open(header, body)
        except (ProtocolError, struct.error, UnicodeDecodeError) as error:
            reason = str(error)
    return Refused(type=header.type, device=header.device, reason=reason)


def _open(header: _Header, body: memoryview) -> Message:
    """Take the extended header and the metadata off, where the header's version has them."""
    content, metadata, message_id = body, _NO_METADATA, 0
    if header.version >= 2 and body:
        size, metadata_header_size, metadata_size, message_id = EXTENDED_HEADER.unpack_from(body)
        tail = metadata_header_size + metadata_size
        if size < EXTENDED_HEADER.size or size + tail > len(body):
            raise ProtocolError("its extended header does not fit its body")
        if tail > METADATA_LIMIT:
            raise ProtocolError("its metadata are too large")
        content = body[size : len(body) - tail]
        metadata = _metadata(body[len(body) - tail :], metadata_header_size) if tail else metadata
    return Message(
        type=header.type,
        device=header.device,
        content=content,
        timestamp_s=header.timestamp_s,
        header_version=header.version,
        message_id=message_id,
        metadata=metadata,
    )


def _metadata(raw: memoryview, header_size: int) -> Mapping[str, str]:
    """Count, sizes, then key, value, key, value ..."""
    (count,) = struct.unpack_from(">H", raw)
    if header_size != 2 + METADATA_ENTRY.size * count:
        raise ProtocolError("its metadata header does not fit its count")
    found, position = {}, header_size
    for index in range(count):
        key_size, encoding, value_size = METADATA_ENTRY.unpack_from(
            raw, 2 + METADATA_ENTRY.size * index
        )
        end = position + key_size + value_size
        if end > len(raw):
            raise ProtocolError("its metadata end before their last value")
        codec = _ENCODINGS.get(encoding, "utf-8")
        value_start = position + key_size
        key = str(raw[position:value_start], codec, "replace")
        found[key] = str(raw[value_start:end], codec, "replace")
        position = end
    return MappingProxyType(found)


def encode(message: Message) -> bytes:
    """The bytes of a message; only header version 2 carries message_id and metadata."""
    body = bytes(message.content)
    if message.header_version >= 2:
        entries = [(k.encode(), v.encode()) for k, v in message.metadata.items()]
        sizes = b"".join(METADATA_ENTRY.pack(len(k), 106, len(v)) for k, v in entries)
        head = struct.pack(">H", len(entries)) + sizes if entries else b""
        values = b"".join(k + v for k, v in entries)
        extended = EXTENDED_HEADER.pack(
            EXTENDED_HEADER.size, len(head), len(values), message.message_id
        )
        body = extended + body + head + values
    timestamp = round((message.timestamp_s or 0) * 2**32)
    header = HEADER.pack(
        message.header_version,
        message.type.encode("ascii"),
        message.device.encode("ascii"),
        timestamp,
        len(body),
        crc64.ecma_182(body),
    )
    return header + body

"""COMMAND and RTS_COMMAND of OpenIGTLink 3: what a sender asks of us, and our answer.

Content: command id u32, name char[128], encoding u16 (MIBenum), length u32, then the command, by
custom XML:

    <Command Name="CaptureClip" Seconds="10"><Parameter Name="From" Value="past"/></Command>

The name in the header counts; where it is empty, the XML's does. Parameters are the root's
attributes and its Parameter elements, whose names do not mind upper and lower case.

The answer has the command's id, name and device, so that OpenIGTLinkIO finds the question to it,
and `<Command><Result>true</Result>...` as PLUS writes it; the same again as metadata.

XML from the wire is kept small and may hold no declarations: there are no entities to expand.
Source: openigtlink/OpenIGTLink, Documents/Protocol/command.md, Source/igtlutil/igtl_command.h;
PlusToolkit/PlusLib, src/PlusServer/vtkPlusOpenIGTLinkServer.cxx.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.messages import Message, encode

COMMAND_HEADER = struct.Struct(">I128sHI")
COMMAND_LIMIT = 64 * 1024
_ASCII, _UTF_8 = 3, 106  # IANA MIBenum
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command as it came. text: XML or ''."""

    command_id: int
    name: str
    text: str = ""
    device: str = ""

    @property
    def parameters(self) -> Mapping[str, str]:
        """Lower case name -> value. Raises ProtocolError where the text is no such XML."""
        root = _root(self.text)
        if root is None:
            return _NONE
        found = {key.lower(): value for key, value in root.attrib.items() if key.lower() != "name"}
        for child in root.iter("Parameter"):
            found[child.get("Name", "").lower()] = child.get("Value", "")
        return MappingProxyType(found)


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What became of a command. values: what it gave, by name, such as SOPInstanceUID."""

    done: bool
    message: str = ""
    values: Sequence[tuple[str, str]] = field(default_factory=tuple)


def decode_command(message: Message) -> Command:
    """The command of a COMMAND message. Raises ProtocolError where it cannot even be answered."""
    content = bytes(message.content)
    if len(content) < COMMAND_HEADER.size:
        raise ProtocolError(f"COMMAND: {len(content)} bytes are less than its header")
    command_id, raw_name, encoding, length = COMMAND_HEADER.unpack_from(content)
    text = content[COMMAND_HEADER.size :]
    if length > COMMAND_LIMIT or length > len(text):
        raise ProtocolError(f"COMMAND: a length of {length} bytes does not fit")
    try:
        codec = "ascii" if encoding == _ASCII else "utf-8"
        name = raw_name.split(b"\0", 1)[0].decode("ascii").strip()
        command = text[:length].decode(codec).strip("\0 \r\n\t")
    except UnicodeDecodeError:
        raise ProtocolError("COMMAND: its text is not in the encoding it names") from None
    if not name:
        root = _root(command)
        name = "" if root is None else root.get("Name", "")
    return Command(command_id=command_id, name=name, text=command, device=message.device)


def encode_command(command: Command) -> bytes:
    """The whole COMMAND message."""
    return _encode("COMMAND", command, command.text, {})


def encode_result(command: Command, result: CommandResult) -> bytes:
    """The whole RTS_COMMAND message that answers `command`."""
    values = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in result.values)
    text = (
        f"<Command><Result>{str(result.done).lower()}</Result>"
        f"<Message>{escape(result.message)}</Message>{values}</Command>"
    )
    metadata = {"Status": "SUCCESS" if result.done else "FAIL", "Message": result.message}
    for name, value in result.values:
        metadata[name] = f"{metadata[name]} {value}" if name in metadata else value
    return _encode("RTS_COMMAND", command, text, metadata)


def _encode(kind: str, command: Command, text: str, metadata: Mapping[str, str]) -> bytes:
    raw = text.encode()
    content = COMMAND_HEADER.pack(command.command_id, command.name.encode(), _UTF_8, len(raw)) + raw
    return encode(
        Message(
            type=kind, device=command.device, content=content, header_version=2, metadata=metadata
        )
    )


def _root(text: str) -> ElementTree.Element | None:
    if not text:
        return None
    if "<!" in text or "<?" in text.removeprefix("<?xml"):
        raise ProtocolError("COMMAND: declarations are not taken")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):  # ValueError: an encoding that does not exist
        raise ProtocolError("COMMAND: its text is not XML") from None

"""Association requests and their answers as bytes, with roles and a verdict on each context.

PS3.8 9.3.2 and 9.3.3 for the PDUs, PS3.7 D.3.3.4 for the role selection. What both sides of a
plain conversation need is in wire.py.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echonode.commands.lying_pacs import wire

# Result of a proposed presentation context (PS3.8 table 9-18).
ACCEPTED, CLASS_REFUSED, SYNTAXES_REFUSED = 0, 3, 4
_USER_INFORMATION, _ROLES = 0x50, 0x54


@dataclass(frozen=True, kw_only=True)
class Context:
    """A proposed presentation context."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What an A-ASSOCIATE-RQ says. roles: SOP class -> (SCU role, SCP role) of the requestor."""

    called: str
    calling: str
    contexts: tuple[Context, ...]
    roles: Mapping[str, tuple[bool, bool]]


def read_request(body: bytes) -> Request:
    """The body of an A-ASSOCIATE-RQ."""
    contexts, roles = [], {}
    for kind, item in wire.items(body[68:]):
        if kind == 0x20:
            parts = [(inner, value.decode().rstrip("\0")) for inner, value in wire.items(item[4:])]
            [abstract_syntax] = [value for inner, value in parts if inner == 0x30]
            syntaxes = tuple(value for inner, value in parts if inner == 0x40)
            contexts.append(
                Context(
                    context_id=item[0],
                    abstract_syntax=abstract_syntax,
                    transfer_syntaxes=syntaxes,
                )
            )
        elif kind == _USER_INFORMATION:
            roles = dict(_read_role(value) for inner, value in wire.items(item) if inner == _ROLES)
    return Request(
        called=body[4:20].decode().strip(),
        calling=body[20:36].decode().strip(),
        contexts=tuple(contexts),
        roles=roles,
    )


def accept(
    request_body: bytes,
    verdicts: Mapping[int, tuple[int, str]],
    roles: Mapping[str, tuple[bool, bool]],
    *,
    maximum_pdu: int = wire.OUR_MAXIMUM_PDU,
) -> bytes:
    """An A-ASSOCIATE-AC. verdicts: context ID -> (result, transfer syntax)."""
    body = request_body[:68] + wire.item(0x10, wire.APPLICATION_CONTEXT.encode())
    for context_id, (result, syntax) in verdicts.items():
        head = struct.pack(">BxBx", context_id, result)
        body += wire.item(0x21, head + wire.item(0x40, syntax.encode()))
    return wire.pdu(wire.ASSOCIATE_AC, body + _user_information(roles, maximum_pdu))


def reject(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return wire.pdu(wire.ASSOCIATE_RJ, bytes([0, result, source, reason]))


def request(
    called: str,
    calling: str,
    contexts: Sequence[wire.Proposed],
    roles: Mapping[str, tuple[bool, bool]],
) -> bytes:
    """An A-ASSOCIATE-RQ that proposes roles; the contexts get the identifiers 1, 3, 5 ..."""
    plain = wire.associate_request(called, calling, contexts)[6:]
    # The user information is the last item: it is replaced by one with the roles in it.
    kept = plain[:68]
    for kind, value in wire.items(plain[68:]):
        kept += b"" if kind == _USER_INFORMATION else wire.item(kind, value)
    return wire.pdu(wire.ASSOCIATE_RQ, kept + _user_information(roles, wire.OUR_MAXIMUM_PDU))


def _read_role(value: bytes) -> tuple[str, tuple[bool, bool]]:
    (length,) = struct.unpack_from(">H", value)
    return value[2 : 2 + length].decode(), (bool(value[2 + length]), bool(value[3 + length]))


def _user_information(roles: Mapping[str, tuple[bool, bool]], maximum_pdu: int) -> bytes:
    # Maximum length (PS3.8 D.1), Implementation Class UID (PS3.7 D.3.3.2), roles (D.3.3.4).
    content = wire.item(0x51, struct.pack(">I", maximum_pdu))
    content += wire.item(0x52, wire.IMPLEMENTATION_CLASS.encode())
    for sop_class_uid, (scu, scp) in roles.items():
        uid = sop_class_uid.encode()
        content += wire.item(_ROLES, struct.pack(">H", len(uid)) + uid + bytes([scu, scp]))
    return wire.item(_USER_INFORMATION, content)

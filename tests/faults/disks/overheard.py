"""What a node and its peers said to each other on its connections, as lines of the books.

The bytes are those that its own system calls sent and received. Nothing of EchoNode is used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echonode.commands.lying_pacs import wire

_STORE_RQ, _STORE_RSP = 0x0001, 0x8001
_EVENT_RQ, _EVENT_RSP, _ACTION_RQ = 0x0100, 0x8100, 0x0130
_FIELD, _STATUS, _UID = 0x0100, 0x0900, 0x1000
_HEADER = 6


@dataclass
class _Side:
    """One direction of a connection."""

    held: bytearray = field(default_factory=bytearray)
    asks: int = 0  # the command under way whose dataset follows


@dataclass(kw_only=True)
class Overheard:
    """hashes: of every instance that clients store. transactions: UID -> the instances of it."""

    hashes: Mapping[str, str]
    transactions: Mapping[str, Sequence[str]]
    _sides: dict[tuple[int, bool], _Side] = field(default_factory=dict)
    _reports: dict[int, str] = field(default_factory=dict)  # descriptor -> Transaction UID

    def offered(self) -> Iterator[Mapping[str, Any]]:
        """The lines before all others."""
        for uid, sha256 in self.hashes.items():
            yield {"kind": "offered", "uid": uid, "sha256": sha256}

    def closed(self, descriptor: int) -> None:
        """What comes next on it is another connection's."""
        for sent in (True, False):
            self._sides.pop((descriptor, sent), None)

    def heard(self, descriptor: int, sent: bool, data: bytes) -> Iterable[Mapping[str, Any]]:
        """Lines for the messages that these bytes complete."""
        side = self._sides.setdefault((descriptor, sent), _Side())
        side.held += data
        lines: list[Mapping[str, Any]] = []
        while len(side.held) >= _HEADER:
            end = _HEADER + struct.unpack_from(">I", side.held, 2)[0]
            if len(side.held) < end:
                break
            pdu = bytes(side.held[:end])
            del side.held[:end]
            if pdu[0] == wire.DATA:
                for control, fragment in _fragments(pdu):
                    lines += self._fragment(descriptor, sent, side, control, fragment)
        return lines

    def _fragment(
        self, descriptor: int, sent: bool, side: _Side, control: int, fragment: bytes
    ) -> Iterator[Mapping[str, Any]]:
        if control == wire.COMMAND_LAST:
            command = wire.read_command(fragment)
            side.asks = int.from_bytes(command[_FIELD], "little")
            yield from self._command(descriptor, sent, side.asks, command)
        elif side.asks in (_ACTION_RQ, _EVENT_RQ):
            for transaction, uids in self.transactions.items():
                if transaction.encode() in fragment:
                    yield from self._transaction(descriptor, sent, transaction, uids)

    def _command(
        self, descriptor: int, sent: bool, kind: int, command: Mapping[int, bytes]
    ) -> Iterator[Mapping[str, Any]]:
        uid = command.get(_UID, b"").rstrip(b"\0 ").decode()
        status = int.from_bytes(command.get(_STATUS, b"\0\0"), "little")
        if not sent:
            return
        if kind == _STORE_RSP:
            yield {
                "kind": "answered",
                "uid": uid,
                "sha256": self.hashes[uid],
                "status": status,
            }
        elif kind == _STORE_RQ:
            yield {"kind": "kept", "uid": uid, "sha256": self.hashes[uid], "status": 0}
        elif kind == _EVENT_RSP:
            yield self._reported(self._reports.pop(descriptor), status)

    def _transaction(
        self, descriptor: int, sent: bool, transaction: str, uids: Sequence[str]
    ) -> Iterator[Mapping[str, Any]]:
        if sent:
            yield {"kind": "asked", "transaction": transaction, "uids": list(uids)}
        else:
            self._reports[descriptor] = transaction
            yield self._reported(transaction, None)

    def _reported(self, transaction: str, status: int | None) -> Mapping[str, Any]:
        return {
            "kind": "reported",
            "transaction": transaction,
            "committed": list(self.transactions[transaction]),
            "failed": [],
            "status": status,
        }


def _fragments(pdu: bytes) -> Iterator[tuple[int, bytes]]:
    """(message control header, fragment) of each PDV."""
    at = _HEADER
    while at < len(pdu):
        length = struct.unpack_from(">I", pdu, at)[0]
        yield pdu[at + 5], pdu[at + 6 : at + 4 + length]
        at += 4 + length

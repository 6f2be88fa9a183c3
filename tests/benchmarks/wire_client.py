"""The plain-socket sender: C-STORE and C-ECHO with nothing between the file and the socket."""

from __future__ import annotations

import mmap
import socket
import statistics
import struct
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from echonode.commands.lying_pacs import wire
from tests.benchmarks.work import Address, Errand

TIMEOUT_S = 120.0
_PDUS_A_CALL = 32  # below IOV_MAX with two buffers each, and enough to make calls cheap


class WireAssociation:
    """One association from a plain socket, for one presentation context."""

    def __init__(self, address: Address, context: wire.Proposed) -> None:
        self._socket = socket.create_connection((address.host, address.port), timeout=TIMEOUT_S)
        self._message_id = 0
        try:
            self._maximum_pdu = self._negotiate(address, context)
        except BaseException:
            self._socket.close()
            raise

    def _negotiate(self, address: Address, context: wire.Proposed) -> int:
        """The acceptor's maximum PDU length. Raises WireError when it takes not this context."""
        wire.tune(self._socket)
        request = wire.associate_request(address.called, address.calling, [context])
        self._socket.sendall(request)
        kind, body = wire.read_pdu(self._socket, prompt=True)
        if kind != wire.ASSOCIATE_AC:
            raise wire.WireError(f"{address.called} did not accept the association: PDU {kind}")
        accepted, maximum_pdu = wire.read_accept(body)
        if 1 not in accepted:
            raise wire.WireError(f"{address.called} did not accept {context}")
        return maximum_pdu

    def store(self, file: Path, *, offset: int, sop_class_uid: str, sop_instance_uid: str) -> int:
        """C-STORE the bytes of a file from `offset` on; the status."""
        command = wire.store_request(sop_class_uid, sop_instance_uid, self._next_message_id())
        self._socket.sendall(wire.command_pdu(1, command))
        with (
            file.open("rb") as opened,
            closing(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)) as mapped,
            memoryview(mapped) as view,
            view[offset:] as dataset,
        ):
            self._send_dataset(dataset)
        return self._status()

    def echo(self) -> int:
        """C-ECHO; the status."""
        command = wire.echo_request(self._next_message_id())
        self._socket.sendall(wire.command_pdu(1, command))
        return self._status()

    def _send_dataset(self, dataset: memoryview) -> None:
        size = min(self._maximum_pdu, wire.OUR_MAXIMUM_PDU) - 6
        pieces: list[bytes | memoryview] = []
        for start in range(0, len(dataset), size):
            piece = dataset[start : start + size]
            last = start + size >= len(dataset)
            control = wire.DATA_LAST if last else wire.DATA_MORE
            length = len(piece) + 2
            pieces.append(struct.pack(">BxIIBB", wire.DATA, length + 4, length, 1, control))
            pieces.append(piece)
            if last or len(pieces) == 2 * _PDUS_A_CALL:
                self._send_all(pieces)
                pieces = []

    def _send_all(self, pieces: list[bytes | memoryview]) -> None:
        """sendmsg may take a part only; the rest is sent piece by piece."""
        sent = self._socket.sendmsg(pieces)
        for piece in pieces:
            if sent < len(piece):
                self._socket.sendall(memoryview(piece)[sent:])
            sent = max(0, sent - len(piece))

    def _status(self) -> int:
        command = b""
        while True:
            kind, body = wire.read_pdu(self._socket, prompt=True)
            if kind != wire.DATA:
                raise wire.WireError(f"PDU {kind} came in place of an answer")
            command += body[6:]
            if body[5] & 0x02:  # the last fragment
                return int.from_bytes(wire.read_command(command)[0x0900], "little")

    def _next_message_id(self) -> int:
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def release(self) -> None:
        self._socket.sendall(wire.pdu(wire.RELEASE_RQ, b"\0\0\0\0"))
        wire.read_pdu(self._socket, prompt=True)
        self._socket.close()

    def drop(self) -> None:
        """Close the connection without a word."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.release()
        else:
            self.drop()


def send(errand: Errand, address: Address) -> list[int]:
    """C-STORE every file on one association; the statuses."""
    context = wire.Proposed(
        abstract_syntax=errand.sop_class_uid, transfer_syntax=errand.transfer_syntax_uid
    )
    with WireAssociation(address, context) as association:
        return [
            association.store(
                Path(file),
                offset=errand.dataset_offset,
                sop_class_uid=errand.sop_class_uid,
                sop_instance_uid=uid,
            )
            for file, uid in zip(errand.files, errand.sop_instance_uids, strict=True)
        ]


def echo_median_s(address: Address, count: int) -> float:
    """The median round trip of `count` C-ECHOs on one association, in seconds."""
    with open_idle(address) as association:
        return statistics.median(_timed_echo(association) for _ in range(count))


def open_idle(address: Address) -> WireAssociation:
    """An association for Verification on which nothing is said."""
    context = wire.Proposed(abstract_syntax=wire.VERIFICATION, transfer_syntax=wire.IMPLICIT_LITTLE)
    return WireAssociation(address, context)


def open_many(addresses: Sequence[Address]) -> list[WireAssociation]:
    return [open_idle(address) for address in addresses]


def _timed_echo(association: WireAssociation) -> float:
    started = time.perf_counter()
    status = association.echo()
    if status != 0:
        raise wire.WireError(f"C-ECHO answered {status:04X}")
    return time.perf_counter() - started

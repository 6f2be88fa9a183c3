"""A DICOM client on a raw socket that sends what the test says, and can stop at any byte."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Self

from echonode.commands.lying_pacs import wire
from echonode.commands.lying_pacs.wire import EXPLICIT_LITTLE, FIND_RQ, command_set, data_pdus
from tests.faults.callers.instances import ULTRASOUND, Instance

LOOPBACK = "127.0.0.1"
CALLED = "ECHONODE"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
CANCEL_RQ = 0x0FFF
PENDING = (0xFF00, 0xFF01)
RELEASE = wire.pdu(wire.RELEASE_RQ, b"\0\0\0\0")

STORAGE = wire.Proposed(abstract_syntax=ULTRASOUND, transfer_syntax=EXPLICIT_LITTLE)
VERIFICATION = wire.Proposed(
    abstract_syntax=wire.VERIFICATION, transfer_syntax=wire.IMPLICIT_LITTLE
)
FIND = wire.Proposed(abstract_syntax=STUDY_ROOT_FIND, transfer_syntax=EXPLICIT_LITTLE)
# Presentation context IDs of CONTEXTS, in order.
ON_STORAGE, ON_VERIFICATION, ON_FIND = 1, 3, 5
CONTEXTS = (STORAGE, VERIFICATION, FIND)


class Rejected(Exception):
    """A-ASSOCIATE-RJ: its three numbers (PS3.8 9.3.4)."""

    def __init__(self, body: bytes) -> None:
        self.numbers = tuple(body[1:4])
        super().__init__(f"result, source, reason: {self.numbers}")


class Ended(Exception):
    """The node ended the connection, by A-ABORT or without a word."""


def request(calling: str, contexts: Sequence[wire.Proposed] = CONTEXTS) -> bytes:
    """An A-ASSOCIATE-RQ to the node."""
    return wire.associate_request(CALLED, calling, contexts)


def store_message(
    instance: Instance, *, context_id: int = ON_STORAGE, message_id: int = 1
) -> bytes:
    """A whole C-STORE-RQ."""
    command = wire.store_request(instance.sop_class_uid, instance.sop_instance_uid, message_id)
    return wire.command_pdu(context_id, command) + data_pdus(context_id, instance.dataset)


def echo_message(message_id: int = 1) -> bytes:
    """A whole C-ECHO-RQ."""
    return wire.command_pdu(ON_VERIFICATION, wire.echo_request(message_id))


def find_message(identifier: bytes, *, message_id: int = 1) -> bytes:
    """A whole C-FIND-RQ in the Study Root (PS3.7 9.3.2.1)."""
    command = command_set(
        (0x0002, STUDY_ROOT_FIND),
        (0x0100, FIND_RQ),
        (0x0110, message_id),
        (0x0700, 0),
        (0x0800, wire.HAS_DATASET),
    )
    return wire.command_pdu(ON_FIND, command) + data_pdus(ON_FIND, identifier)


def cancel_message(message_id: int) -> bytes:
    """A C-CANCEL-RQ; of a message that is not under way it has no effect (PS3.7 9.3.2.3)."""
    command = command_set((0x0100, CANCEL_RQ), (0x0120, message_id), (0x0800, wire.NO_DATASET))
    return wire.command_pdu(ON_FIND, command)


class Client:
    """One connection to the node. receive_buffer: bytes the kernel may hold for us, at least."""

    def __init__(
        self, port: int, *, receive_buffer: int | None = None, timeout_s: float = 60.0
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(timeout_s)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect((LOOPBACK, port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._message_id = 0

    def send(self, data: bytes) -> None:
        """Raises Ended when the node has closed."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Ended(str(error)) from error

    def read_pdu(self) -> tuple[int, bytes]:
        """The next PDU that is not A-ABORT. Raises Ended."""
        try:
            kind, body = wire.read_pdu(self.socket)
        except (wire.WireError, ConnectionResetError) as error:
            raise Ended(str(error)) from error
        if kind == wire.ABORT:
            raise Ended("A-ABORT")
        return kind, body

    def associate(
        self, calling: str = "SCU", contexts: Sequence[wire.Proposed] = CONTEXTS
    ) -> set[int]:
        """The accepted context IDs. Raises Rejected, Ended."""
        self.send(request(calling, contexts))
        return self.read_accept()

    def read_accept(self) -> set[int]:
        """The answer to a request that is out. Raises Rejected, Ended."""
        kind, body = self.read_pdu()
        if kind == wire.ASSOCIATE_RJ:
            raise Rejected(body)
        assert kind == wire.ASSOCIATE_AC, f"PDU {kind} came in place of A-ASSOCIATE-AC"
        return wire.read_accept(body)[0]

    def read_status(self) -> int:
        """The status of the next response, its dataset (if any) read and dropped. Raises Ended."""
        command = self._read_message()
        if command[0x0800] != wire.NO_DATASET.to_bytes(2, "little"):
            self._read_fragments()
        return int.from_bytes(command[0x0900], "little")

    def _read_message(self) -> dict[int, bytes]:
        return wire.read_command(self._read_fragments())

    def _read_fragments(self) -> bytes:
        content = b""
        while True:
            kind, body = self.read_pdu()
            assert kind == wire.DATA, f"PDU {kind} came in place of a response"
            content += body[6:]
            if body[5] & 0x02:
                return content

    def store(self, instance: Instance, *, context_id: int = ON_STORAGE) -> int:
        """C-STORE; the status. Raises Ended: then it may or may not be stored."""
        self._message_id = self._message_id % 0xFFFF + 1
        self.send(store_message(instance, context_id=context_id, message_id=self._message_id))
        return self.read_status()

    def echo(self) -> int:
        """C-ECHO; the status. Raises Ended."""
        self.send(echo_message())
        return self.read_status()

    def release(self) -> None:
        """A-RELEASE, both ways, and the end of the connection."""
        self.send(RELEASE)
        kind, _ = self.read_pdu()
        assert kind == wire.RELEASE_RP
        self.close()

    def close(self) -> None:
        """FIN, or RST where something was left unread."""
        self.socket.close()

    def read_to_end(self) -> bytes:
        """Everything until the node ends the connection. Raises TimeoutError if it does not."""
        data = bytearray()
        try:
            while piece := self.socket.recv(65_536):
                data += piece
        except ConnectionResetError:
            pass
        return bytes(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

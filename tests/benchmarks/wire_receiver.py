"""The raw-socket ceiling: `python -m tests.benchmarks.wire_receiver PORT [FOLDER]`.

Takes the same bytes and gives the same answers as a storage SCP, with no DICOM library. Without
FOLDER the datasets are thrown away; with it each is written and synchronised to the disk, file and
folder, before its answer: what a durable receiver cannot be faster than.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

from echonode.commands.lying_pacs import wire

_PREAMBLE = b"\0" * 128 + b"DICM"
_numbers = count()

Sink = Callable[[memoryview], object]


def serve(port: int, folder: Path | None) -> None:
    """Take associations until it is ended, each on a thread of its own."""
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_converse, args=(connection, folder), daemon=True).start()


def _converse(connection: socket.socket, folder: Path | None) -> None:
    wire.tune(connection)
    buffer = memoryview(bytearray(wire.OUR_MAXIMUM_PDU + 6))
    with connection:
        try:
            while _take_pdu(connection, buffer, folder):
                pass
        except (wire.WireError, OSError):
            return  # the sender is gone; it knows what it has been answered


def _take_pdu(connection: socket.socket, buffer: memoryview, folder: Path | None) -> bool:
    """Deal with one PDU, or with a whole message when it begins one; False at the end."""
    kind, body = _read(connection, buffer)
    if kind == wire.ASSOCIATE_RQ:
        connection.sendall(wire.associate_accept(bytes(body)))
    elif kind == wire.RELEASE_RQ:
        connection.sendall(wire.pdu(wire.RELEASE_RP, b"\0\0\0\0"))
    elif kind == wire.DATA:
        _answer(connection, buffer, bytes(body), folder)
    return kind not in (wire.RELEASE_RQ, wire.ABORT)


def _read(connection: socket.socket, buffer: memoryview) -> tuple[int, memoryview]:
    wire.read_into(connection, buffer[:6])
    kind, length = struct.unpack(">BxI", buffer[:6])
    body = buffer[6 : 6 + length]
    wire.read_into(connection, body)
    return kind, body


def _answer(
    connection: socket.socket, buffer: memoryview, first: bytes, folder: Path | None
) -> None:
    """A command PDU came; take its dataset, if it has one, and answer success."""
    length, context_id, _ = struct.unpack(">IBB", first[:6])
    command = wire.read_command(first[6 : 4 + length])
    if int.from_bytes(command[0x0800], "little") != wire.NO_DATASET:
        # A sender may put the first data fragment into the command's own PDU.
        fragments = memoryview(first)[4 + length :]
        if folder is None:
            _take_dataset(connection, buffer, fragments, lambda data: None)
        else:
            _keep_dataset(connection, buffer, fragments, folder)
    connection.sendall(wire.command_pdu(context_id, wire.response_to(command)))


def _keep_dataset(
    connection: socket.socket, buffer: memoryview, fragments: memoryview, folder: Path
) -> None:
    with (folder / f"{next(_numbers):08d}.dcm").open("wb", buffering=0) as file:
        file.write(_PREAMBLE)
        _take_dataset(connection, buffer, fragments, file.write)
        os.fsync(file.fileno())
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take_dataset(
    connection: socket.socket, buffer: memoryview, fragments: memoryview, sink: Sink
) -> None:
    """Give every fragment to the sink until the last one has come."""
    while True:
        while len(fragments) > 0:
            length, _, control = struct.unpack(">IBB", fragments[:6])
            sink(fragments[6 : 4 + length])
            fragments = fragments[4 + length :]
            if control & 0x02:
                return
        kind, fragments = _read(connection, buffer)
        if kind != wire.DATA:
            raise wire.WireError(f"PDU {kind} in the middle of a dataset")


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)

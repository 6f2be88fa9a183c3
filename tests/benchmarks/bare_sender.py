"""The ceiling of a download: files of a folder to a socket, and nothing else.

Run as a module with a port and a folder. A caller gets the head of an answer, then every file; what
it asks for is not looked at. The memory and the socket's buffer are those of the node
(echonode/web/file_sending.py), so that the two differ by the rest of what the node does.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from echonode.at_rest.aligned_memory import ReadingRoom
from echonode.web.file_sending import NEAR_BYTES, ROOM_BYTES
from tests.peers.ports import LOOPBACK

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def main() -> None:
    """Serve one caller after another until the process is ended."""
    files = sorted(Path(sys.argv[2]).iterdir())
    with socket.create_server((LOOPBACK, int(sys.argv[1]))) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NEAR_BYTES)
        while True:
            connection, _ = listener.accept()
            with connection:
                _answer(connection, files)


def _answer(connection: socket.socket, files: Sequence[Path]) -> None:
    if not connection.recv(4096):  # a look at the port: it is open
        return
    connection.sendall(HEAD)
    room = ReadingRoom(ROOM_BYTES)
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        sent = 0
        while count := os.preadv(descriptor, [part := room.part(sent, ROOM_BYTES)], sent):
            connection.sendall(part[:count])
            sent += count
        os.close(descriptor)


if __name__ == "__main__":
    main()

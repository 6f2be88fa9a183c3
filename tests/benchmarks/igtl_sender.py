"""`python -m tests.benchmarks.igtl_sender FRAMES`: sends so many images to each client in turn.

Prints the port it listens on. It sends as fast as they are taken, and closes after the last.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

from tests.benchmarks.igtl_speed import image_message


def main() -> None:
    """Serve one client after the other until killed."""
    frames = int(sys.argv[1])
    some = [image_message(number) for number in range(10)]
    last = image_message(10, device="us"), image_message(10, device="End")
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        client, _ = listener.accept()
        with client, suppress(OSError):
            for number in range(frames - 1):
                client.sendall(some[number % 10])
            for message in last:
                client.sendall(message)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):  # closing with something unread would cut off what was sent
                pass


if __name__ == "__main__":
    main()

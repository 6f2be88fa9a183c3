"""Probes that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def free_port() -> int:
    """A port of loopback that has no listener at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def scripted_probe(*scripts: bytes, hold_last: bool = False) -> Iterator[tuple[str, int]]:
    """A listener: the n-th client gets the n-th script and is closed; later ones the last.

    hold_last: the last script's clients are left open and silent.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        turn = 0
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            script = scripts[min(turn, len(scripts) - 1)]
            turn += 1
            with suppress(OSError):
                client.sendall(script)
            if hold_last and turn >= len(scripts):
                kept.append(client)
            else:
                client.close()

    thread = threading.Thread(target=serve, name="scripted-probe", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)  # it may have accepted one that it keeps only now
        listener.close()
        for client in kept:
            client.close()

"""Ways of being slow, and the deadline that ends each."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tests.faults.callers.client import Client, Ended

# What a loaded machine may add; far less than a drip would add to a deadline it moves.
SLACK_S = 5.0
# Between two connections: all at once, and the kernel's queue would be what is tested.
PAUSE_S = 0.003


@dataclass(frozen=True, kw_only=True)
class Slow:
    """A way to be slow. said: what comes at once; dripped: what then comes piece by piece."""

    what: str
    deadline: str
    associated: bool = False
    said: bytes = b""
    dripped: tuple[bytes, ...] = ()


def singly(data: bytes) -> tuple[bytes, ...]:
    """One byte at a time."""
    return tuple(bytes([byte]) for byte in data)


def suffer(
    port: int, slow: Slow, limits: Mapping[str, float], *, caller: str = "", drip_s: float
) -> None:
    """Be slow until the node ends the connection; asserts that it did in time."""
    with Client(port) as client:
        began = time.monotonic()
        if slow.associated:
            client.associate(caller)
            began = time.monotonic()
        client.send(slow.said)
        over = threading.Event()
        dripper = threading.Thread(target=_drip, args=(client, slow.dripped, over, drip_s))
        dripper.start()
        client.socket.settimeout(limits[slow.deadline] + 20)
        client.read_to_end()
        seconds = time.monotonic() - began
        over.set()
        dripper.join()
    deadline = limits[slow.deadline]
    assert seconds < deadline + SLACK_S, f"{slow.what}: held {seconds:.1f} s, not {deadline:g} s"
    assert seconds > 0.9 * deadline, f"{slow.what}: cut off after {seconds:.1f} s, not {deadline:g}"


def _drip(client: Client, pieces: tuple[bytes, ...], over: threading.Event, drip_s: float) -> None:
    with suppress(Ended, OSError):
        for piece in pieces:
            client.send(piece)
            if over.wait(drip_s):
                return

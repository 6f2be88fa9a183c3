"""Small objects that would become large: refused, while others are served (scenarios 28 and 30)."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from echonode.commands.lying_pacs.wire import (
    EXPLICIT_LITTLE,
)
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.faults.callers.client import Client
from tests.faults.callers.instances import (
    DEFLATED,
    Instance,
    small_instance,
)
from tests.faults.programme import FULL
from tests.faults.test_datasets import send_one
from tests.peers.node_process import EchoNodeProcess

CANNOT_UNDERSTAND = 0xC000
GROWTH = 128 * 1024**2
# Of an echo meanwhile. What is asked is a second; the machine of a test may be busy.
ECHO_S = 10.0
MANY = 1_300_000 if FULL else 200_000
UNDEFINED = 0xFFFFFFFF
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def sequence(vr: bytes, count: int) -> bytes:
    return struct.pack("<HH2sHI", 0x0041, 0x1010, vr, 0, UNDEFINED) + ITEM * count + END


def elements(count: int) -> bytes:
    return b"".join(
        struct.pack("<HH2sH", 0x0041 + 2 * (n // 0xF000), 0x1000 + n % 0xF000, b"SH", 0)
        for n in range(count)
    )


def deflated() -> Instance:
    plain = small_instance(tail=sequence(b"SQ", MANY))
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return Instance(
        sop_instance_uid=plain.sop_instance_uid,
        dataset=packer.compress(plain.dataset) + packer.flush(),
        transfer_syntax_uid=DEFLATED,
    )


BOMBS: dict[str, Callable[[], Instance]] = {
    "items": lambda: small_instance(tail=sequence(b"SQ", MANY)),
    "items of UN": lambda: small_instance(tail=sequence(b"UN", MANY)),
    "deflated items": deflated,
    "elements": lambda: small_instance(tail=elements(MANY)),
    "items in ten sequences": lambda: small_instance(tail=sequence(b"SQ", 99_999) * 11),
}


@contextmanager
def echoing(port: int) -> Iterator[list[float]]:
    """One echo after the other, from another peer; the seconds that each took."""
    took: list[float] = []
    stop = threading.Event()

    def echo() -> None:
        while not stop.is_set():
            began = time.monotonic()
            with Client(port) as client:
                client.associate("SCU1")
                client.echo()
                client.release()
            took.append(time.monotonic() - began)

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join(60)


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_in_bounded_memory_while_others_are_served(
    node: EchoNodeProcess, bomb: str
) -> None:
    """Answered C000, without 128 MiB of memory, and an honest peer's echo comes through."""
    instance = BOMBS[bomb]()
    assert instance.transfer_syntax_uid in (EXPLICIT_LITTLE, DEFLATED)
    send_one(node.port, small_instance())  # what any first storing takes
    reset_peak(node.pid)
    before = resident_bytes(node.pid)
    with echoing(node.port) as took:
        assert send_one(node.port, instance) == CANNOT_UNDERSTAND
    assert peak_bytes(node.pid) - before < GROWTH
    assert max(took) < ECHO_S

"""Messages that do not end (scenario 31): cut at a limit, and nothing of them stays."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from echonode.commands.lying_pacs import wire
from echonode.commands.lying_pacs.wire import (
    FIND_RQ,
    command_set,
    data_pdus,
)
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.faults.callers.client import (
    ON_FIND,
    ON_STORAGE,
    STUDY_ROOT_FIND,
    Client,
    Ended,
)
from tests.faults.callers.instances import ULTRASOUND, new_uid
from tests.faults.judging.oracle import Oracle
from tests.faults.programme import FULL, OVERSIZE
from tests.peers.node_process import EchoNodeProcess

MIB = 1024**2
PEAK_BYTES = 32 * MIB
# As shipped it is 2 GiB, which the full programme fills.
MESSAGE_BYTES = 2 * 1024**3 if FULL else 64 * MIB
PATIENCE_S = 600.0 if FULL else 60.0


@pytest.fixture(scope="module")
def limited(make_with_limits: Callable[..., EchoNodeProcess]) -> EchoNodeProcess:
    """A node that takes 64 MiB in one message."""
    return make_with_limits(message_bytes=MESSAGE_BYTES)


def endless_dataset() -> Iterator[bytes]:
    """A C-STORE whose dataset never ends."""
    yield wire.command_pdu(ON_STORAGE, wire.store_request(ULTRASOUND, new_uid(), 1))
    yield from itertools.repeat(data_pdus(ON_STORAGE, b"ab" * 500_000, last=False))


def endless_identifier() -> Iterator[bytes]:
    """A C-FIND whose identifier never ends."""
    command = command_set(
        (0x0002, STUDY_ROOT_FIND),
        (0x0100, FIND_RQ),
        (0x0110, 1),
        (0x0700, 0),
        (0x0800, wire.HAS_DATASET),
    )
    yield wire.command_pdu(ON_FIND, command)
    yield from itertools.repeat(data_pdus(ON_FIND, b"\0" * 100_000, last=False))


def endless_command() -> Iterator[bytes]:
    """A command set that never ends."""
    piece = data_pdus(ON_STORAGE, b"\0" * 10_000, last=False)
    yield from itertools.repeat(piece[:11] + b"\x01" + piece[12:])


def seconds_held(port: int, message: Iterator[bytes]) -> float:
    """How long it is sent for until the node ends the connection."""
    began = time.monotonic()
    with Client(port) as client:
        client.associate("SCU")
        with suppress(Ended):
            for piece in message:
                client.send(piece)
                assert time.monotonic() - began < PATIENCE_S, "it goes on and on"
    return time.monotonic() - began


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("endless", [endless_dataset, endless_identifier, endless_command])
def test_a_message_without_end_is_cut_off_at_its_limit(
    limited: EchoNodeProcess, endless: Callable[[], Iterator[bytes]]
) -> None:
    """A dataset, an identifier or a command set that never ends: the sender is aborted at the
    limit, its temporary file is removed, and memory is not touched."""
    with Oracle(limited):
        before = resident_bytes(limited.pid)
        reset_peak(limited.pid)
        for _ in range(OVERSIZE.count):
            seconds = seconds_held(limited.port, endless())
            print(f"ended after {seconds:.1f} s")
        peak = peak_bytes(limited.pid) - before
        print(f"{peak / MIB:.0f} MiB more at the most")
        assert peak < PEAK_BYTES

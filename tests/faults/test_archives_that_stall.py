"""Archives that accept and then stop reading what we send (scenario 18)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from echonode.commands.lying_pacs import wire
from echonode.commands.lying_pacs.wire import (
    EXPLICIT_LITTLE,
)
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Part10File
from echonode.errors import AssociationLost
from echonode.model.identity import Peer
from tests.faults.archives.breaking_archive import ScriptedArchive
from tests.faults.callers.instances import (
    ULTRASOUND,
    small_instance,
)
from tests.faults.judging.oracle import SUCCESS
from tests.faults.programme import DEAF_ARCHIVES, FULL
from tests.support.waiting import wait_until

LIMITS = Limits() if FULL else Limits(send_s=1.5, linger_s=0.5)
STORAGE = ProposedContext(abstract_syntax=ULTRASOUND, transfer_syntaxes=(EXPLICIT_LITTLE,))
# More than the kernels of both sides hold for a reader that does not come.
LARGE = 24_000_000
SLACK_S = 15.0


class DeafArchive:
    """Accepts an association, reads `bytes_read` of what follows, and then nothing more."""

    def __init__(self, bytes_read: int) -> None:
        self._bytes_read = bytes_read
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = int(self._listener.getsockname()[1])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError, wire.WireError):
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(30)
                _, body = wire.read_pdu(connection)
                connection.sendall(wire.associate_accept(body))
                wire.read_exactly(connection, self._bytes_read)
                self._over.wait()

    def close(self) -> None:
        self._over.set()
        self._listener.close()
        self._thread.join(30)


@contextmanager
def deaf_archives(count: int) -> Iterator[list[DeafArchive]]:
    """Each stops somewhere else: at once, or after more and more of the dataset."""
    with ExitStack() as stack:
        archives = [DeafArchive(number * 40_000) for number in range(count)]
        for archive in archives:
            stack.callback(archive.close)
        yield archives


def file_with(folder: Path, pixels: int) -> Part10File:
    """An instance in a file; only its dataset is ever read."""
    instance = small_instance(pixels=pixels)
    path = folder / f"{pixels}"
    path.write_bytes(instance.dataset)
    return Part10File(
        path=path,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        dataset_offset=0,
        size=len(instance.dataset),
    )


def send(requestor: Requestor, port: int, file: Part10File) -> int:
    """C-STORE on an association of its own; the status."""
    peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=port, may=frozenset())
    with requestor.associate(peer, [STORAGE]) as assoc:
        return assoc.c_store(file).status


def seconds_until_lost(requestor: Requestor, port: int, file: Part10File) -> float:
    """How long a send to a deaf archive is held."""
    began = time.monotonic()
    with pytest.raises(AssociationLost):
        send(requestor, port, file)
    return time.monotonic() - began


def threads_of_ours() -> int:
    return sum(thread.name.startswith("dimse") for thread in threading.enumerate())


@pytest.mark.timeout(600)
def test_archives_that_stop_reading_free_the_sender_and_delay_no_other(
    tmp_path: Path,
) -> None:
    """Archives that stop reading in the middle of our C-STORE: each sender is free again after the
    send deadline with "lost", never "stored", and sends to another archive go on meanwhile."""
    large, small = file_with(tmp_path, LARGE), file_with(tmp_path, 1_000)
    requestor = Requestor(ae_title="ECHONODE", limits=LIMITS)
    threads = threads_of_ours()
    count = DEAF_ARCHIVES.count
    # The deaf are last: they let go of whoever they still hold when a check fails.
    with (
        ScriptedArchive() as healthy,
        ThreadPoolExecutor(count) as pool,
        deaf_archives(count) as deaf,
    ):
        started = time.monotonic()
        held = [pool.submit(seconds_until_lost, requestor, each.port, large) for each in deaf]
        while not all(each.done() for each in held):
            began = time.monotonic()
            assert send(requestor, healthy.port, small) == SUCCESS
            assert time.monotonic() - began < LIMITS.send_s, "held up by another archive"
            assert time.monotonic() - started < LIMITS.send_s + SLACK_S, "not freed"
        for each in held:
            each.result()
    wait_until(lambda: threads_of_ours() <= threads, "our threads have ended")

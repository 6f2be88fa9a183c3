"""EchoNode's acceptor without a store: `python -m tests.benchmarks.diskless_receiver PORT`.

Every dataset is taken apart as always and then thrown away, which leaves the network layer alone
against the raw-socket ceiling. `echonode run` is what all other benchmarks measure.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.services import (
    FindAnswer,
    FindRequest,
    GetRequest,
    IncomingFile,
    IncomingHead,
    MoveRequest,
    SameAssociation,
    Services,
    StoreRequest,
    SubOperations,
)
from echonode.errors import DimseFailure
from echonode.model.commitment import CommitmentReport, CommitmentRequest
from echonode.model.identity import Peer, Service
from tests.benchmarks.work import CALLING_AE_TITLE

REFUSED = 0x0122  # SOP class not supported


class Discarded:
    """A dataset's destination that keeps nothing."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Forget these bytes."""

    def discard(self) -> None:
        """There is nothing to remove."""


def _open_incoming(head: IncomingHead) -> IncomingFile:
    return Discarded()


def _store(request: StoreRequest) -> int:
    return 0x0000


def _refuse() -> NoReturn:
    raise DimseFailure(REFUSED)


def _find(request: FindRequest) -> Iterator[FindAnswer]:
    _refuse()


def _move(request: MoveRequest) -> Iterator[SubOperations]:
    _refuse()


def _get(request: GetRequest) -> Iterator[SubOperations]:
    _refuse()


def _commit_request(peer: Peer, request: CommitmentRequest, same: SameAssociation) -> int:
    _refuse()


def _commit_report(peer: Peer, report: CommitmentReport) -> int:
    _refuse()


SERVICES = Services(
    open_incoming=_open_incoming,
    store=_store,
    find=_find,
    move=_move,
    get=_get,
    commit_request=_commit_request,
    commit_report=_commit_report,
)


def main() -> None:
    """Serve until SIGTERM."""
    sender = Peer(
        name="bench",
        ae_title=CALLING_AE_TITLE,
        host="127.0.0.1",
        port=104,
        may=frozenset({Service.ECHO, Service.STORE}),
    )
    acceptor = Acceptor(
        ae_title="RECEIVER",
        listeners=[ListenerAddress(host="127.0.0.1", port=int(sys.argv[1]))],
        peers=[sender],
        services=SERVICES,
    )
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    acceptor.start()
    stopping.wait()
    acceptor.stop(2.0)


if __name__ == "__main__":
    main()

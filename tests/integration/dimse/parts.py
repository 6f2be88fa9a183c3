"""A tiny archive behind our acceptor, and what the tests of the DICOM network say to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.limits import Limits
from echonode.dimse.services import (
    FindAnswer,
    FindRequest,
    GetRequest,
    IncomingHead,
    MoveRequest,
    Part10File,
    SameAssociation,
    Services,
    StoreRequest,
    SubOperations,
)
from echonode.model.commitment import CommitmentReport, CommitmentRequest, ReferencedInstance
from echonode.model.identity import Peer, Service

LOOPBACK = "127.0.0.1"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
STORAGE = ProposedContext(abstract_syntax=ULTRASOUND, transfer_syntaxes=(ExplicitVRLittleEndian,))
INSTANCE = ReferencedInstance(sop_class_uid=ULTRASOUND, sop_instance_uid="1.2.3.4")
REQUEST = CommitmentRequest(transaction_uid="1.2.9.1", instances=(INSTANCE,))
REPORT = CommitmentReport(transaction_uid="1.2.9.1", committed=(INSTANCE,), failed={})

EVERYTHING = frozenset(Service)
# What closing a socket must not leave behind, for tests that count.
SETTLE_S = 5.0


def peer(
    name: str = "us",
    *,
    ae_title: str = "SCU",
    port: int = 1,
    may: frozenset[Service] = EVERYTHING,
) -> Peer:
    """A peer on loopback."""
    return Peer(name=name, ae_title=ae_title, host=LOOPBACK, port=port, may=may)


@dataclass
class MemoryFile:
    """An IncomingFile that keeps what it is given."""

    head: IncomingHead
    data: bytearray = field(default_factory=bytearray)
    writes: int = 0
    discarded: bool = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data
        self.writes += 1

    def discard(self) -> None:
        self.discarded = True


class TinyArchive:
    """Services that answer from memory; a test replaces the attribute it is about."""

    def __init__(self) -> None:
        self.opened: list[MemoryFile] = []
        self.stored: list[StoreRequest] = []
        self.found: list[FindRequest] = []
        self.requests: list[CommitmentRequest] = []
        self.reports: list[tuple[str, CommitmentReport]] = []
        self.same: list[SameAssociation] = []
        self.answers = 3
        self.files: list[Part10File] = []

    def open_incoming(self, head: IncomingHead) -> MemoryFile:
        self.opened.append(MemoryFile(head))
        return self.opened[-1]

    def store(self, request: StoreRequest) -> int:
        self.stored.append(request)
        return 0x0000

    def find(self, request: FindRequest) -> Iterator[FindAnswer]:
        self.found.append(request)
        for number in range(self.answers):
            answer = Dataset()
            answer.QueryRetrieveLevel = "STUDY"
            answer.StudyInstanceUID = f"1.2.{number}"
            yield FindAnswer(identifier=answer)

    def move(self, request: MoveRequest) -> Iterator[SubOperations]:
        for done in range(1, 4):
            yield SubOperations(remaining=3 - done, completed=done, failed=0, warning=0)

    def get(self, request: GetRequest) -> Iterator[SubOperations]:
        for done, file in enumerate(self.files, start=1):
            request.store(file)
            left = len(self.files) - done
            yield SubOperations(remaining=left, completed=done, failed=0, warning=0)

    def commit_request(
        self, caller: Peer, request: CommitmentRequest, same: SameAssociation
    ) -> int:
        self.requests.append(request)
        self.same.append(same)
        return 0x0000

    def commit_report(self, caller: Peer, report: CommitmentReport) -> int:
        self.reports.append((caller.name, report))
        return 0x0000

    def services(self) -> Services:
        """Late binding, so that a test may replace a method at any time."""
        return Services(
            open_incoming=lambda head: self.open_incoming(head),
            store=lambda request: self.store(request),
            find=lambda request: self.find(request),
            move=lambda request: self.move(request),
            get=lambda request: self.get(request),
            commit_request=lambda *values: self.commit_request(*values),
            commit_report=lambda *values: self.commit_report(*values),
        )

    def data(self, number: int = -1) -> bytes:
        """The bytes of a stored dataset."""
        incoming = self.stored[number].incoming
        assert isinstance(incoming, MemoryFile)
        return bytes(incoming.data)


@dataclass(frozen=True)
class Node:
    """A running acceptor with its archive."""

    acceptor: Acceptor
    archive: TinyArchive

    @property
    def port(self) -> int:
        return self.acceptor.addresses[0][1]

    @property
    def as_peer(self) -> Peer:
        """How a requestor knows it."""
        return peer("node", ae_title="ECHONODE", port=self.port)


def start_node(
    limits: Limits | None = None,
    *peers: Peer,
    listeners: Sequence[ListenerAddress] = (),
    say_which_title: bool = True,
) -> Node:
    """Listen on a free loopback port for `peers` (by default one that may do everything).

    listeners: more of them, behind that plain one.
    """
    archive = TinyArchive()
    acceptor = Acceptor(
        ae_title="ECHONODE",
        listeners=[ListenerAddress(host=LOOPBACK, port=0), *listeners],
        peers=peers or [peer()],
        services=archive.services(),
        limits=limits or Limits(),
        say_which_title=say_which_title,
    )
    acceptor.start()
    return Node(acceptor, archive)


def part10(path: Path, data: bytes, **changes: Any) -> Part10File:
    """A file whose dataset is `data`, 400 bytes in; nothing parses it."""
    path.write_bytes(b"\0" * 400 + data)
    file = Part10File(
        path=path,
        sop_class_uid=ULTRASOUND,
        sop_instance_uid=INSTANCE.sop_instance_uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        dataset_offset=400,
        size=400 + len(data),
    )
    return replace(file, **changes)


def connect(port: int) -> socket.socket:
    """A raw connection whose reads do not hang the test."""
    raw = socket.create_connection((LOOPBACK, port))
    raw.settimeout(20)
    return raw


def read_all(raw: socket.socket) -> bytes:
    """Everything until the other side ends the connection, however it does."""
    data = bytearray()
    try:
        while piece := raw.recv(65_536):
            data += piece
    except ConnectionResetError:
        pass
    return bytes(data)


def until(condition: Callable[[], bool], *, seconds: float = SETTLE_S) -> bool:
    """Whether `condition` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def dimse_threads() -> list[str]:
    """The names of the threads this room runs now."""
    return [t.name for t in threading.enumerate() if t.name.startswith("dimse")]


def descriptors() -> int:
    """Open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))

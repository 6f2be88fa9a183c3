"""The interface between the DICOM network layer and the packages that provide the services.

`dimse/` imports no package above it: node.py gives an acceptor a `Services` of plain callables,
which take and return the values of this module. An error of a callable becomes a status:
DimseFailure its own, OutOfSpace A700, any other 0110 (PS3.7 annex C). No traceback is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol, Self

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import StoredFile, open_file
from echonode.errors import DimseFailure
from echonode.model.commitment import CommitmentReport, CommitmentRequest
from echonode.model.criteria import Root
from echonode.model.identity import Peer
from echonode.model.instance import StoredInstance, bytes_of
from echonode.model.status import SOP_CLASS_NOT_SUPPORTED


@dataclass(frozen=True, kw_only=True)
class IncomingHead:
    """What a C-STORE-RQ command set says before its dataset arrives."""

    caller: Peer
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class IncomingFile(Protocol):
    """A temporary Part 10 file that takes a dataset's bytes as they arrive, hashing on the way."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append encoded dataset bytes. Raises OutOfSpace.

        A memoryview is of the network's own buffer, which is reused when this returns.
        """

    def discard(self) -> None:
        """The message was broken off: remove the file. Never raises."""


@dataclass(frozen=True, kw_only=True)
class StoreRequest:
    """A whole C-STORE-RQ; its dataset is in `incoming`, which the handler now owns.

    move_originator_*: as in the command set when the store is a C-MOVE sub-operation, else None.
    """

    head: IncomingHead
    incoming: IncomingFile
    move_originator_ae_title: str | None = None
    move_originator_message_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class FindRequest:
    """A C-FIND-RQ.

    transfer_syntax_uid: of its presentation context, in which answers are sent too. relational,
    combined_date_time, fuzzy_names: what extended negotiation agreed on (PS3.4 C.5.1.1.1).
    """

    caller: Peer
    root: Root
    identifier: Dataset
    relational: bool
    cancelled: Callable[[], bool]
    transfer_syntax_uid: str = ImplicitVRLittleEndian
    combined_date_time: bool = False
    fuzzy_names: bool = False


@dataclass(frozen=True, kw_only=True)
class WorklistRequest:
    """A C-FIND-RQ of the Modality Worklist (PS3.4 K.4.1); see FindRequest.

    fuzzy_names: what extended negotiation agreed on (PS3.4 K.5.1.1).
    """

    caller: Peer
    identifier: Dataset
    cancelled: Callable[[], bool]
    transfer_syntax_uid: str = ImplicitVRLittleEndian
    fuzzy_names: bool = False


@dataclass(frozen=True, kw_only=True)
class FindAnswer:
    """One Pending answer: FF00, or FF01 when an optional key is not supported (C.4.1.1.4).

    identifier: a dataset, or one encoded already in the request's transfer syntax.
    """

    identifier: Dataset | bytes
    unsupported_keys: bool = False


@dataclass(frozen=True, kw_only=True)
class SubOperations:
    """Where a C-MOVE or C-GET stands; the last one a handler yields is its final answer.

    failed_sop_instance_uids: those that failed so far (the list at the end, C.4.2.1.4.2).
    """

    remaining: int
    completed: int
    failed: int
    warning: int
    failed_sop_instance_uids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Part10File:
    """An instance to send: where its file is and where its dataset begins.

    dataset_sha256: hex, over the dataset; '' where it is not known. cipher: opens the file where it
    is sealed.
    """

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    dataset_offset: int
    size: int
    dataset_sha256: str = ""
    cipher: FileCipher | None = field(default=None, compare=False, repr=False)

    def opened(self) -> StoredFile:
        """The file, for reading. Raises OSError."""
        return open_file(self.path, self.cipher)

    @classmethod
    def of(cls, instance: StoredInstance) -> Self:
        """A stored instance's own file: it goes byte for byte."""
        return cls(
            path=bytes_of(instance),
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid,
            dataset_offset=instance.dataset_offset,
            size=instance.size,
            dataset_sha256=instance.dataset_sha256,
            cipher=instance.cipher,
        )


@dataclass(frozen=True, kw_only=True)
class StoreResponse:
    """What a peer answered to our C-STORE: the status and its Error Comment ('' where none).

    names_another: the answer is about another SOP Instance UID than was sent, which PS3.7 9.1.1.1.5
    forbids: whatever its status, it says nothing about the instance. http_status: of an archive
    that was asked by DICOMweb and said nothing of the instance beyond it; `status` means nothing
    then. wait_s: the seconds that it wants to be left alone (Retry-After).
    """

    status: int
    comment: str = ""
    names_another: bool = False
    http_status: int | None = None
    wait_s: float = 0.0

    @property
    def about_instance(self) -> int | None:
        """The status of the instance; None where the answer has none."""
        return None if self.names_another or self.http_status is not None else self.status


@dataclass(frozen=True, kw_only=True)
class NormalizedResponse:
    """What a peer answered to our N-CREATE, N-SET, N-GET, N-ACTION or N-DELETE.

    comment: its Error Comment, '' for none. sop_instance_uid: of what it created, '' where it says
    none. attributes: what came with the answer, where they were asked for.
    """

    status: int
    comment: str = ""
    sop_instance_uid: str = ""
    attributes: Dataset | None = None


@dataclass(frozen=True, kw_only=True)
class MoveRequest:
    """A C-MOVE-RQ."""

    caller: Peer
    root: Root
    identifier: Dataset
    move_destination: str
    message_id: int
    cancelled: Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class GetRequest:
    """A C-GET-RQ. `store` sends one instance as a sub-operation on the same association.

    It raises ContextNotAccepted where the requestor took no storage context that fits.
    """

    caller: Peer
    root: Root
    identifier: Dataset
    store: Callable[[Part10File], StoreResponse]
    cancelled: Callable[[], bool]


class RequestObserver:
    """Learns of this node's own requests; this one ignores them. Each is quick, never raises."""

    def sent(self, peer: Peer, file: Part10File, response: StoreResponse) -> None:
        """An instance went to a peer, which answered."""

    def asked(self, peer: Peer, sop_class_uid: str, keys: bytes, transfer_syntax_uid: str) -> None:
        """A query is about to go to a peer; keys: its identifier, encoded."""

    def stepped(
        self, peer: Peer, uid: str, attributes: Dataset, *, created: bool, status: int
    ) -> None:
        """A performed procedure step was reported by N-CREATE or N-SET, and what was answered."""


class SameAssociation(Protocol):
    """A way to report a commitment on the association that asked for it."""

    def report(self, report: CommitmentReport) -> int:
        """Send N-EVENT-REPORT and return the peer's status. Raises NetworkError."""


def _not_served(*_: object) -> NoReturn:
    """Of a node that does not have the service."""
    raise DimseFailure(SOP_CLASS_NOT_SUPPORTED, "Not served here")


@dataclass(frozen=True, kw_only=True)
class Services:
    """What an acceptor serves; one callable a service, each called on the association's thread.

    open_incoming: where a received dataset goes (raises DimseFailure to refuse before it comes).
    store: makes it durable and returns the status; owns `incoming` from then on.
    find: yields the answers. move, get: yield SubOperations after each sub-operation.
    commit_request: makes an N-ACTION durable and returns its status. It reports by itself later
    (`SameAssociation` can be used for as long as the peer keeps the association open).
    commit_report: takes an N-EVENT-REPORT from `caller` and returns the status to answer.
    worklist: yields the items that match. create_step, set_step: a performed procedure step's UID
    and attributes, made durable; create_step is given '' where the peer leaves the UID to us, and
    returns the step's.
    """

    open_incoming: Callable[[IncomingHead], IncomingFile]
    store: Callable[[StoreRequest], int]
    find: Callable[[FindRequest], Iterator[FindAnswer]]
    move: Callable[[MoveRequest], Iterator[SubOperations]]
    get: Callable[[GetRequest], Iterator[SubOperations]]
    commit_request: Callable[[Peer, CommitmentRequest, SameAssociation], int]
    commit_report: Callable[[Peer, CommitmentReport], int]
    worklist: Callable[[WorklistRequest], Iterator[FindAnswer]] = _not_served
    create_step: Callable[[Peer, str, Dataset], str] = _not_served
    set_step: Callable[[Peer, str, Dataset], None] = _not_served

"""What delivery needs of the network and of the commitment service; node.py passes it in.

What it needs of the store are the store's own parts: Deliveries, KeyValue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from pydicom.dataset import Dataset

from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import Part10File, StoreResponse
from echonode.model.commitment import CommitmentRequest
from echonode.model.criteria import Root
from echonode.model.identity import Destination, Peer
from echonode.model.instance import StoredInstance
from echonode.store.values import DeliveryJob


class StorageAssociation(Protocol):
    """An open association with an archive (dimse.requested_association.RequestedAssociation)."""

    @property
    def is_open(self) -> bool: ...

    @property
    def was_broken(self) -> bool:
        """Whether the peer ended it without a release."""

    @property
    def accepted(self) -> Set[tuple[str, str]]:
        """(SOP class, transfer syntax) of each accepted context."""

    def c_echo(self) -> int:
        """The peer's status. Raises AssociationLost, ContextNotAccepted."""

    def c_store(self, file: Part10File) -> StoreResponse:
        """Raises AssociationLost, ContextNotAccepted; Damaged where the file cannot be read."""

    def c_find(self, root: Root, identifier: Dataset) -> Iterator[tuple[int, Dataset | None]]:
        """Status and identifier of each answer, the final one last.

        Raises AssociationLost, ContextNotAccepted; DimseFailure: an answer cannot be parsed.
        """

    def request_commitment(self, request: CommitmentRequest) -> int:
        """Send N-ACTION and return its status."""

    def release(self, patience_s: float | None = None) -> None:
        """End in order; never raises. patience_s: how long the peer may take to answer."""

    def abort(self) -> None:
        """End at once; may be called from another thread; never raises."""

    def break_off(self) -> None:
        """As `abort`, without waiting for the end."""

    def hang_up(self) -> None:
        """Close the connection, from another thread, where the peer no longer reads."""


class ReleasedAssociation(StorageAssociation, Protocol):
    """One that the end of a `with` releases."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Associate(Protocol):
    """Opens an association (dimse.requestor.Requestor.associate)."""

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> StorageAssociation:
        """Raises PeerUnreachable, AssociationRejected, AssociationLost."""


class CommitmentService(Protocol):
    """Storage commitment for the destinations that require it (commitment.commitment_scu)."""

    def request(
        self,
        association: StorageAssociation,
        destination: Destination,
        jobs: Sequence[DeliveryJob],
    ) -> int:
        """Request commitment of `jobs`; returns how many were requested or refused.

        Where the archive refuses the request, its deliveries are `sent` again on return and due
        later. Raises AssociationLost where it did not answer; they are `sent` again by then too.
        """

    def problem_of(self, destination: str) -> str:
        """Why the archive takes no requests, and the remedy; '' when it takes them."""

    def give_up_overdue(
        self, destination: Destination, *, back_at: datetime | None = None
    ) -> float | None:
        """Return unreported requests to `sent` once they are overdue.

        back_at: when the archive last answered again after an outage or a lost association: a
        report that it owed then may never come.

        Returns the seconds until the next one will be; None where none is open.
        """


# Re-encodes an instance into a file that is removed on exit. A lossy encoding is made only where
# the destination's policy allows it, and has a SOP Instance UID of its own. Raises
# ContextNotAccepted (no conversion between these syntaxes), InvalidObject (the dataset does not
# fit), OSError (our disk).
Reencode = Callable[[StoredInstance, str], AbstractContextManager[Part10File]]

# An instance without its patient, in a file that is removed on exit. Raises NeedsLook where a
# person must look at its pixels first, NotAnonymised where no copy can be made, OSError (our disk).
Prepare = Callable[[StoredInstance], AbstractContextManager[StoredInstance]]


@dataclass(frozen=True, kw_only=True)
class Anonymising:
    """What a destination gets in the place of every instance. profile: its name."""

    profile: str
    prepare: Prepare


# Raises Damaged where the instance's bytes are not those that were stored.
CheckBytes = Callable[[StoredInstance], None]


class NodeShare(Protocol):
    """What is this node's, of several that deliver (store.nodes.Membership)."""

    def leads(self) -> bool:
        """Whether this node requests the proof."""

    def share_of(self, number: int) -> int:
        """How many of so many associations are this node's."""


class Alone:
    """There is one node."""

    def leads(self) -> bool:
        """It does everything."""
        return True

    def share_of(self, number: int) -> int:
        """It has them all."""
        return number


ALONE = Alone()

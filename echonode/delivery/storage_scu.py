"""One instance over one association: choose a context, C-STORE, and try another context once."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from echonode.delivery.negotiation import Negotiated
from echonode.delivery.ports import Reencode, StorageAssociation
from echonode.delivery.status_table import StatusTable, Treatment, Verdict
from echonode.dimse.services import Part10File, StoreResponse
from echonode.errors import ContextNotAccepted
from echonode.model.instance import StoredInstance


@dataclass(frozen=True, kw_only=True)
class SendOutcome:
    """How a C-STORE was answered, what that means, and the transfer syntax it went in."""

    response: StoreResponse
    verdict: Verdict
    transfer_syntax_uid: str


class StorageSCU:
    """The storage service's user (PS3.4 annex B) with one destination's status table."""

    def __init__(self, *, table: StatusTable, reencode: Reencode | None = None) -> None:
        """`reencode`: makes Explicit and Implicit VR Little Endian of each other; None: cannot."""
        self._table = table
        self._reencode = reencode

    @property
    def reencoding(self) -> bool:
        """Whether an instance can go in another transfer syntax than it is stored in."""
        return self._reencode is not None

    def send(
        self, association: StorageAssociation, negotiated: Negotiated, instance: StoredInstance
    ) -> SendOutcome:
        """Send `instance`; where its context is refused with a status, once more on another.

        Raises ContextNotAccepted, AssociationLost, and Damaged where the file cannot be read.
        """
        first = negotiated.choose(instance, reencoding=self.reencoding)
        outcome = self._send_in(first, association, instance)
        if outcome.verdict.treatment is not Treatment.OTHER_CONTEXT:
            return outcome
        try:
            other = negotiated.choose(instance, reencoding=self.reencoding, refused={first})
        except ContextNotAccepted:
            return outcome
        return self._send_in(other, association, instance)

    def _send_in(
        self, transfer_syntax_uid: str, association: StorageAssociation, instance: StoredInstance
    ) -> SendOutcome:
        with self._file(instance, transfer_syntax_uid) as file:
            response = association.c_store(file)
        return SendOutcome(
            response=response,
            verdict=self._table.verdict(response.status),
            transfer_syntax_uid=transfer_syntax_uid,
        )

    def _file(
        self, instance: StoredInstance, transfer_syntax_uid: str
    ) -> AbstractContextManager[Part10File]:
        if self._reencode is None or transfer_syntax_uid == instance.transfer_syntax_uid:
            return nullcontext(part10_file(instance))
        return self._reencode(instance, transfer_syntax_uid)


def part10_file(instance: StoredInstance) -> Part10File:
    """The stored file itself, as dimse/ sends it."""
    return Part10File(
        path=instance.path,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        dataset_offset=instance.dataset_offset,
        size=instance.size,
    )

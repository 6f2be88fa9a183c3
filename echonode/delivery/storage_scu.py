"""One instance over one association: choose a context, C-STORE, and try another context once.

A destination that is to get no patient gets a copy of each instance: the copy is made first, and
what is sent is made of it alone.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from echonode.delivery.encoding_options import EncodingOptions
from echonode.delivery.negotiation import Negotiated
from echonode.delivery.ports import Anonymising, CheckBytes, Reencode, StorageAssociation
from echonode.delivery.status_table import MISNAMED, StatusTable, Treatment, Verdict
from echonode.delivery.stow.verdicts import verdict_of
from echonode.dimse.services import Part10File, StoreResponse
from echonode.errors import ContextNotAccepted, InvalidObject
from echonode.model.instance import DerivedCopy, StoredInstance


@dataclass(frozen=True, kw_only=True)
class SendOutcome:
    """How a C-STORE was answered, what that means, and the transfer syntax of the instance.

    derived: the lossy or anonymised copy that was sent in place of the stored instance; None where
    the stored instance was sent.
    """

    response: StoreResponse
    verdict: Verdict
    transfer_syntax_uid: str
    derived: DerivedCopy | None = None


class StorageSCU:
    """C-STORE as SCU (PS3.4 annex B) with one destination's status table and encodings."""

    def __init__(
        self,
        *,
        table: StatusTable,
        encoding_options: EncodingOptions | None = None,
        reencode: Reencode | None = None,
        check_bytes: CheckBytes | None = None,
        anonymising: Anonymising | None = None,
    ) -> None:
        """reencode: makes the encodings. check_bytes: checks an instance before it is re-encoded.
        anonymising: makes what is sent in the place of each instance; None: the instance is sent.

        An instance that is sent as stored is checked in the buffer that it is sent from.
        """
        self._table = table
        self._encoding_options = encoding_options or EncodingOptions()
        self._reencode = reencode
        self._check_bytes = check_bytes
        self._anonymising = anonymising

    def send(
        self, association: StorageAssociation, negotiated: Negotiated, instance: StoredInstance
    ) -> SendOutcome:
        """Send `instance`; where its context is refused with a status, once more on another.

        Raises ContextNotAccepted, AssociationLost, Damaged where the file is not what was stored,
        InvalidObject where it can be re-encoded into nothing that is accepted, NeedsLook and
        NotAnonymised where its anonymised copy cannot be made, and OSError.
        """
        if self._anonymising is None:
            return self._send_one(association, negotiated, instance)
        if self._check_bytes is not None:
            self._check_bytes(instance)
        # From here on nothing but the copy is known: what is sent cannot be of the original.
        with self._anonymising.prepare(instance) as copy:
            return self._send_one(association, negotiated, copy, check=False)

    def _send_one(
        self,
        association: StorageAssociation,
        negotiated: Negotiated,
        instance: StoredInstance,
        *,
        check: bool = True,
    ) -> SendOutcome:
        contexts = self._encoding_options.contexts_for(instance)
        refused: SendOutcome | None = None
        unfit: InvalidObject | ContextNotAccepted | None = None
        for transfer_syntax_uid in negotiated.usable(contexts):
            try:
                file = self._file(instance, transfer_syntax_uid, check=check)
                outcome = self._send_in(transfer_syntax_uid, association, instance, file)
            except (InvalidObject, ContextNotAccepted) as error:
                unfit = error  # nothing was sent: its pixels do not fit this syntax
                continue
            if refused or outcome.verdict.treatment is not Treatment.OTHER_CONTEXT:
                return outcome
            refused = outcome
        if refused is None:
            assert unfit is not None  # `usable` gives one at least
            raise unfit
        return refused

    def _send_in(
        self,
        transfer_syntax_uid: str,
        association: StorageAssociation,
        instance: StoredInstance,
        reencoded: AbstractContextManager[Part10File],
    ) -> SendOutcome:
        with reencoded as file:
            response = association.c_store(file)
            return SendOutcome(
                response=response,
                verdict=self._verdict(response),
                transfer_syntax_uid=transfer_syntax_uid,
                derived=self._derived(file, instance),
            )

    def _derived(self, file: Part10File, instance: StoredInstance) -> DerivedCopy | None:
        """What `file` is to the stored instance. instance: what the file was made of."""
        if self._anonymising is None and file.sop_instance_uid == instance.sop_instance_uid:
            return None
        copy = DerivedCopy(
            sop_class_uid=file.sop_class_uid,
            sop_instance_uid=file.sop_instance_uid,
            transfer_syntax_uid=file.transfer_syntax_uid,
            dataset_sha256=file.dataset_sha256,
        )
        if self._anonymising is None:
            return copy
        return replace(
            copy,
            study_instance_uid=instance.study_instance_uid,
            series_instance_uid=instance.series_instance_uid,
            anonymised_by=self._anonymising.profile,
        )

    def _verdict(self, response: StoreResponse) -> Verdict:
        if response.names_another:
            return MISNAMED
        if response.http_status is not None:
            return verdict_of(response.http_status, response.wait_s)
        return self._table.verdict(response.status)

    def _file(
        self, instance: StoredInstance, transfer_syntax_uid: str, *, check: bool
    ) -> AbstractContextManager[Part10File]:
        if self._reencode is None or transfer_syntax_uid == instance.transfer_syntax_uid:
            return nullcontext(Part10File.of(instance))
        if check and self._check_bytes is not None:
            self._check_bytes(instance)
        return self._reencode(instance, transfer_syntax_uid)

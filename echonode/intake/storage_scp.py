"""The C-STORE SCP: what a peer sends becomes a durable instance, byte for byte as received.

Rules
- 0000 means file and index row are durable; the same bytes again are a success too, once the kept
  file was read and found whole, or was replaced by the one that came (log: instance_repaired).
- The same SOP Instance UID with other bytes: the first is kept, the second quarantined, A900.
- A dataset that does not match its command set is A900, one that cannot be read C000
  (PS3.4 B.2.3); a full disk is A700, answered by dimse/ from OutOfSpace.
- Below the reserve of the disk nothing is taken from peers (A700): a sender still has what it sends
  and may try again, a probe's exam that has begun has nowhere else to go. The reserve is for that.
- What a peer sends that has a forwarding rule is delivered as our own is: queued in the same
  transaction, sent again until the destination has it. The same bytes again are queued to where
  they have not been queued yet.
- What comes under a UID that is another patient's or study's is kept apart and logged as an
  `identity_conflict`; the alarm stands until a person acknowledges it.
- Every refusal is logged with the reason, and nothing of the dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import cast

from echonode.dimse.services import IncomingFile, IncomingHead, StoreRequest
from echonode.errors import (
    DimseFailure,
    EchoNodeError,
    InstanceConflict,
    InvalidObject,
    Mismatch,
    Unreadable,
)
from echonode.log import get_logger
from echonode.model.instance import Origin
from echonode.store.store import Incoming, Store
from echonode.store.values import StoreOutcome

log = get_logger(__name__)

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3: the sender keeps it, and may try again later
DATASET_DOES_NOT_MATCH_SOP_CLASS = 0xA900
CANNOT_UNDERSTAND = 0xC000
_STATUSES: tuple[tuple[type[EchoNodeError], int], ...] = (
    (Unreadable, CANNOT_UNDERSTAND),
    (Mismatch, DATASET_DOES_NOT_MATCH_SOP_CLASS),
    (InstanceConflict, DATASET_DOES_NOT_MATCH_SOP_CLASS),
    (InvalidObject, CANNOT_UNDERSTAND),
)


class StorageSCP:
    """Takes what peers send. forwarding: a peer's name -> the destinations it goes on to.

    refusal: why nothing more is taken just now, '' when it is.
    """

    def __init__(
        self,
        store: Store,
        *,
        forwarding: Mapping[str, Sequence[str]] = MappingProxyType({}),
        refusal: Callable[[], str] = lambda: "",
    ) -> None:
        self._store = store
        self._forwarding = forwarding
        self._refusal_now = refusal

    def open_incoming(self, head: IncomingHead) -> IncomingFile:
        """Where the dataset's bytes go. Raises OutOfSpace; DimseFailure below the reserve."""
        if reason := self._refusal_now():
            raise self._refused(head, OUT_OF_RESOURCES, reason)
        return self._store.open_incoming(
            sop_class_uid=head.sop_class_uid,
            sop_instance_uid=head.sop_instance_uid,
            transfer_syntax_uid=head.transfer_syntax_uid,
            source_ae_title=head.caller.ae_title,
        )

    def store(self, request: StoreRequest) -> int:
        """Make it durable and return 0000. Raises DimseFailure, OutOfSpace."""
        incoming = cast(Incoming, request.incoming)  # what open_incoming gave
        destinations = self._forwarding.get(request.head.caller.name, ())
        try:
            with ExitStack() as broken_off:
                broken_off.callback(incoming.discard)
                record = self._store.read_record(incoming)
                broken_off.pop_all()
            outcome = self._store.commit(
                incoming, record, origin=Origin.RECEIVED, destinations=destinations
            )
        except (InvalidObject, InstanceConflict) as error:
            raise self._refusal(request.head, error) from error
        for conflict in outcome.conflicts:
            log.warning(
                "identity_conflict",
                kind=conflict.kind,
                study_instance_uid=conflict.study_instance_uid,
                series_instance_uid=conflict.series_instance_uid or None,
                ae_title=request.head.caller.ae_title,
            )
        if outcome.outcome is StoreOutcome.STORED:
            log.info(
                "instance_stored",
                sop_instance_uid=request.head.sop_instance_uid,
                ae_title=request.head.caller.ae_title,
                frames=record.frames,
            )
            return SUCCESS
        if outcome.outcome is StoreOutcome.FILE_REPLACED:
            log.error(
                "instance_repaired",
                sop_instance_uid=request.head.sop_instance_uid,
                ae_title=request.head.caller.ae_title,
                released=list(outcome.released),
            )
        if destinations:
            # Perhaps sent again because a stop between file and row left no answer.
            self._store.add_deliveries([request.head.sop_instance_uid], destinations)
        return SUCCESS

    def _refusal(self, head: IncomingHead, error: EchoNodeError) -> DimseFailure:
        """The status that says why, and the log's line."""
        status = next(s for kind, s in _STATUSES if isinstance(error, kind))
        return self._refused(head, status, str(error))

    def _refused(self, head: IncomingHead, status: int, reason: str) -> DimseFailure:
        log.warning(
            "store_refused",
            sop_instance_uid=head.sop_instance_uid,
            ae_title=head.caller.ae_title,
            status=f"0x{status:04X}",
            reason=reason,
        )
        return DimseFailure(status, reason)

"""What stores for C-STORE and STOW-RS: a durable instance, byte for byte as it was received.

Rules
- 0000 means file and index row are durable; the same bytes again are a success too, once the kept
  file was read and found whole, or was replaced by the received one (log: instance_repaired).
- The same SOP Instance UID with other bytes: the first is kept, the second quarantined, A900.
- A dataset that does not match its command set is A900, one that cannot be read C000
  (PS3.4 B.2.3); a full disk is A700, answered by dimse/ from OutOfSpace.
- Below the reserve of the disk nothing is taken from peers (A700): a sender still has its instances
  and may try again, but the images of a running exam exist nowhere else. The reserve is for those.
- Instances of a peer with a forwarding rule are delivered like our own: queued in the same
  transaction, and sent until the destination has them. The same bytes again are queued only for
  destinations that they are not yet queued for.
- An instance under a UID of another patient or study is kept apart and logged as an
  `identity_conflict`; the alarm lasts until a person acknowledges it.
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
    TrailingBytes,
    Unreadable,
)
from echonode.intake.content import ContentLog
from echonode.log import get_logger
from echonode.model.instance import InstanceRecord, Origin
from echonode.model.programs import Program
from echonode.model.status import (
    CANNOT_UNDERSTAND,
    DATASET_DOES_NOT_MATCH_SOP_CLASS,
    OUT_OF_RESOURCES,
    SUCCESS,
)
from echonode.store.store import Incoming, Store
from echonode.store.values import StoreOutcome

log = get_logger(__name__)

# How many times its size a deflated dataset may become, beyond 8 MiB. Deflate reaches 1030 with
# nothing but zeros; real ultrasound has 2 to 20, a black film 300.
MOST_RATIO = 500

_STATUSES: tuple[tuple[type[EchoNodeError], int], ...] = (
    (Unreadable, CANNOT_UNDERSTAND),
    (Mismatch, DATASET_DOES_NOT_MATCH_SOP_CLASS),
    (InstanceConflict, DATASET_DOES_NOT_MATCH_SOP_CLASS),
    (InvalidObject, CANNOT_UNDERSTAND),
)


class StorageSCP:
    """Stores what peers send. forwarding: a peer's name -> the destinations of its instances.

    refusal: why nothing more is taken now; '' where it is taken. cuts_trailing_bytes: whether
    bytes behind the end of a dataset are cut off; else the instance is refused. content: what
    was found in the instances that came.
    """

    def __init__(
        self,
        store: Store,
        *,
        forwarding: Mapping[str, Sequence[str]] = MappingProxyType({}),
        refusal: Callable[[], str] = lambda: "",
        cuts_trailing_bytes: bool = False,
    ) -> None:
        self._store = store
        self._forwarding = forwarding
        self._refusal_now = refusal
        self._cuts_trailing_bytes = cuts_trailing_bytes
        self.content = ContentLog()

    def open_incoming(self, head: IncomingHead) -> IncomingFile:
        """The file for the dataset's bytes. Raises OutOfSpace; DimseFailure below the reserve."""
        if reason := self._refusal_now():
            raise self._refused(head, OUT_OF_RESOURCES, reason)
        return self._store.files.open_incoming(
            sop_class_uid=head.sop_class_uid,
            sop_instance_uid=head.sop_instance_uid,
            transfer_syntax_uid=head.transfer_syntax_uid,
            source_ae_title=head.caller.ae_title,
        )

    def store(
        self,
        request: StoreRequest,
        *,
        only_study: str = "",
        on_stored: Callable[[str, str], None] = lambda study, series: None,
    ) -> int:
        """Make it durable and return 0000. Raises DimseFailure, OutOfSpace.

        only_study: the Study Instance UID that it must have, '' for any. on_stored: called with its
        Study and Series Instance UID once it is durable.
        """
        incoming = cast(Incoming, request.incoming)  # what open_incoming gave
        destinations = self._forwarding.get(request.head.caller.name, ())
        try:
            with ExitStack() as broken_off:
                broken_off.callback(incoming.discard)
                record, programs = self._read(incoming, request.head)
                if only_study and record.study_instance_uid != only_study:
                    raise Mismatch("StudyInstanceUID is not that of the request")
                broken_off.pop_all()
            outcome = self._store.files.commit(
                incoming, record, origin=Origin.RECEIVED, destinations=destinations
            )
        except (InvalidObject, InstanceConflict) as error:
            raise self._refusal(request.head, error) from error
        on_stored(record.study_instance_uid, record.series_instance_uid)
        self.content.programs_found(
            request.head.sop_instance_uid, request.head.caller.ae_title, programs
        )
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
            # It was sent again: a stop between file and row may have prevented the first answer.
            self._store.deliveries.add([request.head.sop_instance_uid], destinations)
        return SUCCESS

    def preamble_zeroed(self, head: IncomingHead, preamble: bytes) -> None:
        """The file that is stored now came with a preamble that was not of zeros."""
        self.content.preamble_zeroed(head.sop_instance_uid, head.caller.ae_title, preamble)

    def _read(self, incoming: Incoming, head: IncomingHead) -> tuple[InstanceRecord, list[Program]]:
        """The record, and the programs in it; what follows the dataset is cut off if so configured.

        Raises Unreadable, Mismatch, OutOfSpace.
        """
        programs: list[Program] = []
        try:
            record = self._store.files.read_record(
                incoming, programs=programs, most_ratio=MOST_RATIO
            )
        except TrailingBytes as trailing:
            if not self._cuts_trailing_bytes:
                raise
            size = incoming.size
            incoming.cut(trailing.end)
            programs.clear()
            record = self._store.files.read_record(
                incoming, programs=programs, most_ratio=MOST_RATIO
            )
            self.content.trailing_bytes_cut(
                head.sop_instance_uid, head.caller.ae_title, size - incoming.size
            )
        return record, programs

    def _refusal(self, head: IncomingHead, error: EchoNodeError) -> DimseFailure:
        """The status for the error; logs it."""
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

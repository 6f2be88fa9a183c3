"""One instance on its way in: from the first byte of its part to its outcome.

Rules
- Its bytes go to a temporary file as they come; it is stored by the same code as C-STORE's, so the
  same checks, forwarding and promises hold. What was received is what is kept.
- A part that cannot be stored is read to its end all the same: the others are stored.
- Whatever one part raises is that part's failure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from echonode.dicomweb.store_outcomes import Outcome
from echonode.dimse.contexts import STORAGE_CLASSES, STORAGE_SYNTAXES
from echonode.dimse.limits import Limits
from echonode.dimse.services import IncomingFile, IncomingHead, StoreRequest
from echonode.errors import DimseFailure, OutOfSpace, Unreadable, described
from echonode.log import get_logger, place_of
from echonode.model.file_meta_head import MetaHead, read_meta
from echonode.model.identity import Peer
from echonode.model.status import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SOP_CLASS_NOT_SUPPORTED,
)

log = get_logger(__name__)

MOST_BYTES = Limits().message_bytes  # of one data set, as by C-STORE


class Intake(Protocol):
    """What stores: intake/storage_scp.py."""

    def open_incoming(self, head: IncomingHead) -> IncomingFile:
        """Raises DimseFailure, OutOfSpace."""

    def preamble_zeroed(self, head: IncomingHead, preamble: bytes) -> None:
        """The part had a preamble that was not of zeros; it is not kept."""

    def store(
        self, request: StoreRequest, *, only_study: str = "", on_stored: Callable[[str, str], None]
    ) -> int:
        """Raises DimseFailure, OutOfSpace."""


class Upload:
    """One part. Used by one thread at a time; none of its methods raises."""

    def __init__(self, intake: Intake, caller: Peer, *, only_study: str = "") -> None:
        self._intake = intake
        self._caller = caller
        self._only_study = only_study
        self._begun = bytearray()
        self._meta: MetaHead | None = None
        self._incoming: IncomingFile | None = None
        self._received = 0
        self._failure: int | None = None

    def write(self, data: bytes) -> None:
        """The next bytes of the part."""
        self._received += len(data)
        if self._failure is None:
            self._guarded(lambda: self._take(data))

    def finish(self) -> Outcome:
        """The part is complete: store it."""
        stored = ["", ""]

        def remember(study: str, series: str) -> None:
            stored[:] = study, series

        def store() -> None:
            if self._incoming is None:
                self._open(is_whole=True)
            incoming, self._incoming = self._incoming, None
            if incoming is None or self._meta is None:
                raise Unreadable("the part is empty")
            request = StoreRequest(head=self._head(self._meta), incoming=incoming)
            status = self._intake.store(request, only_study=self._only_study, on_stored=remember)
            if status:
                self._failure = status

        if self._failure is None:
            self._guarded(store)
        meta = self._meta
        return Outcome(
            status=self._failure or 0,
            sop_class_uid=meta.sop_class_uid if meta else "",
            sop_instance_uid=meta.sop_instance_uid if meta else "",
            study_instance_uid=stored[0],
            series_instance_uid=stored[1],
        )

    def refuse(self, status: int) -> None:
        """Nothing of the part will be stored."""
        self._failure = status
        self.discard()

    def discard(self) -> None:
        """The request was broken off: remove what was received."""
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None

    def _take(self, data: bytes) -> None:
        if self._incoming is not None:
            if self._received > MOST_BYTES:
                raise DimseFailure(OUT_OF_RESOURCES, "the data set is longer than 2 GiB")
            self._incoming.write(data)
            return
        self._begun += data
        self._open(is_whole=False)

    def _open(self, *, is_whole: bool) -> None:
        meta = read_meta(self._begun, is_whole=is_whole)
        if meta is None:
            return
        self._meta = meta
        if meta.sop_class_uid not in STORAGE_CLASSES:
            raise DimseFailure(SOP_CLASS_NOT_SUPPORTED, "the SOP class is not one of storage")
        if meta.transfer_syntax_uid not in STORAGE_SYNTAXES:
            raise DimseFailure(CANNOT_UNDERSTAND, "the transfer syntax is not known")
        self._incoming = self._intake.open_incoming(self._head(meta))
        rest = bytes(self._begun[meta.length :])
        self._begun.clear()
        if meta.preamble:
            self._intake.preamble_zeroed(self._head(meta), meta.preamble)
        if rest:
            self._incoming.write(rest)

    def _head(self, meta: MetaHead) -> IncomingHead:
        return IncomingHead(
            caller=self._caller,
            sop_class_uid=meta.sop_class_uid,
            sop_instance_uid=meta.sop_instance_uid,
            transfer_syntax_uid=meta.transfer_syntax_uid,
        )

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it; what it raises is the part's status."""
        try:
            work()
        except DimseFailure as failure:
            self.refuse(failure.status)
        except Unreadable as unreadable:
            log.warning("store_refused", ae_title=self._caller.ae_title, reason=str(unreadable))
            self.refuse(CANNOT_UNDERSTAND)
        except OutOfSpace:
            self.refuse(OUT_OF_RESOURCES)
        except Exception as fault:  # noqa: BLE001  # the border of one instance
            log.error("store_failed", error=described(fault), where=place_of(fault))
            self.refuse(PROCESSING_FAILURE)

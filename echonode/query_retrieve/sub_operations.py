"""One C-STORE sub-operation: an instance in a transfer syntax that the receiver takes.

Rules
- The stored syntax is tried first. Only when the receiver takes no context for it, the instance is
  re-encoded, losslessly; what was refused is not tried again for instances of the same kind.
- An instance that cannot be sent for any reason (no context fits, its file is gone or damaged, our
  own code fails on it) is one failed sub-operation (PS3.4 C.4.2.1.7) and does not affect others.
  Only the loss of the association is not a failure of the instance.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dimse.services import Part10File, StoreResponse, SubOperations
from echonode.errors import (
    AssociationLost,
    ContextNotAccepted,
    InvalidObject,
    StoreError,
    described,
)
from echonode.log import get_logger, place_of
from echonode.model.instance import StoredInstance
from echonode.query_retrieve.progress import Tally

# Makes a temporary file of an instance in another transfer syntax without loss, there as long as
# the context lasts. Raises ContextNotAccepted where it cannot make that syntax of the stored one.
Reencode = Callable[[StoredInstance, str], AbstractContextManager[Part10File]]
Send = Callable[[Part10File], StoreResponse]

# In the order tried; every application takes Implicit VR Little Endian (PS3.5 10.1).
LOSSLESS_FALLBACKS = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)

log = get_logger(__name__)


class SubOperationSender:
    """Sends instances one by one over one association."""

    def __init__(self, send: Send, *, reencode: Reencode | None) -> None:
        """`send` raises ContextNotAccepted before a byte is sent, AssociationLost at any time."""
        self._send = send
        self._reencode = reencode
        # (class, stored syntax) -> the syntaxes still worth trying, the best first.
        self._candidates: dict[tuple[str, str], list[str]] = {}

    def send(self, instance: StoredInstance, tally: Tally) -> SubOperations:
        """Send `instance`, count the result in `tally`, and return the counts.

        Raises AssociationLost, uncounted: whether the receiver has the instance is unknown.
        """
        try:
            response = self._send_in_first_that_fits(instance)
        except AssociationLost:
            raise
        except Exception as fault:  # noqa: BLE001  # the border of one instance
            if not isinstance(fault, (ContextNotAccepted, InvalidObject, StoreError, OSError)):
                log.error(
                    "sub_operation_failed",
                    sop_instance_uid=instance.sop_instance_uid,
                    error=described(fault),
                    where=place_of(fault),
                )
            return tally.fail([instance], type(fault).__name__)
        if response.names_another:
            return tally.fail([instance], "the answer names another instance")
        return tally.count(instance, response.status)

    def _send_in_first_that_fits(self, instance: StoredInstance) -> StoreResponse:
        candidates = self._candidates_for(instance)
        while candidates:
            try:
                with self._in_syntax(instance, candidates[0]) as file:
                    return self._send(file)
            except ContextNotAccepted:
                candidates.pop(0)
        raise ContextNotAccepted(
            f"the receiver takes SOP class {instance.sop_class_uid} neither in "
            f"{instance.transfer_syntax_uid} nor in what can be made of it"
        )

    def _candidates_for(self, instance: StoredInstance) -> list[str]:
        stored = instance.transfer_syntax_uid
        others = LOSSLESS_FALLBACKS if self._reencode is not None else ()
        return self._candidates.setdefault(
            (instance.sop_class_uid, stored), list(dict.fromkeys((stored, *others)))
        )

    def _in_syntax(
        self, instance: StoredInstance, transfer_syntax_uid: str
    ) -> AbstractContextManager[Part10File]:
        if self._reencode is None or transfer_syntax_uid == instance.transfer_syntax_uid:
            return nullcontext(Part10File.of(instance))
        return self._reencode(instance, transfer_syntax_uid)

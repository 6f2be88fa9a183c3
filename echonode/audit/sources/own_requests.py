"""What this node itself sends and asks of its peers by DIMSE, each with its audit event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from pydicom.dataset import Dataset

from echonode.audit.codes import Action
from echonode.audit.event import AuditEvent, Participant, Query
from echonode.audit.sources.dimse_events import ae, query_event, sent, step_event
from echonode.dimse.contexts import WORKLIST_CLASS
from echonode.dimse.services import Part10File, RequestObserver, StoreResponse
from echonode.model.identity import Peer
from echonode.model.status import DUPLICATE_SOP_INSTANCE, SUCCESS

Tell = Callable[[AuditEvent], None]


class ObservedRequests(RequestObserver):
    """A RequestObserver that records. us: this process."""

    def __init__(self, tell: Tell, us: Participant, now: Callable[[], datetime]) -> None:
        self._tell, self._us, self._now = tell, us, now

    def sent(self, peer: Peer, file: Part10File, response: StoreResponse) -> None:
        """An instance of a delivery, or of a C-MOVE, to its destination."""
        self._tell(sent(self._us, peer, file, response, at=self._now()))

    def asked(self, peer: Peer, sop_class_uid: str, keys: bytes, transfer_syntax_uid: str) -> None:
        """A query of the worklist. That an archive is asked for what it just received says nothing
        new of a patient: the transfer has its record.
        """
        if sop_class_uid != WORKLIST_CLASS:
            return
        self._tell(
            query_event(
                asker=replace(self._us, requestor=True),
                answerer=ae(peer),
                query=Query(
                    sop_class=sop_class_uid, keys=keys, transfer_syntax=transfer_syntax_uid
                ),
                at=self._now(),
            )
        )

    def stepped(
        self, peer: Peer, uid: str, attributes: Dataset, *, created: bool, status: int
    ) -> None:
        """A procedure step of this node, at the RIS. 0111 says that the RIS has it already."""
        failed = status not in (SUCCESS, DUPLICATE_SOP_INSTANCE)
        self._tell(
            step_event(
                uid,
                attributes,
                Action.CREATE if created else Action.UPDATE,
                failure=f"answered {status:04X}" if failed else "",
                participants=(replace(self._us, role=None, requestor=True), ae(peer)),
                at=self._now(),
            )
        )

"""The services that peers use, each with its audit event (PS3.15 A.5.3).

It wraps the callables of dimse.services.Services, so that neither the network nor the handlers know
the audit trail. C-ECHO has no record: it gives nothing of a patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ImplicitVRLittleEndian

from echonode.audit.codes import Action, Kind, Outcome, Role
from echonode.audit.event import AuditEvent, Participant, Query
from echonode.audit.sources.dimse_events import ae, query_event, sent, step_event
from echonode.dimse.contexts import FIND_CLASSES, GET_CLASSES, MOVE_CLASSES, WORKLIST_CLASS
from echonode.dimse.services import (
    FindAnswer,
    FindRequest,
    GetRequest,
    MoveRequest,
    Part10File,
    SameAssociation,
    Services,
    StoreRequest,
    StoreResponse,
    SubOperations,
    WorklistRequest,
)
from echonode.errors import DimseFailure
from echonode.model.commitment import CommitmentReport, CommitmentRequest
from echonode.model.identity import Peer
from echonode.model.parse_faults import PARSE_FAULTS
from echonode.model.status import SUCCESS

Tell = Callable[[AuditEvent], None]


@dataclass(frozen=True)
class AuditedServices:
    """Wraps a node's services. us: this process, as a participant."""

    tell: Tell
    us: Participant
    now: Callable[[], datetime]

    def around(self, services: Services) -> Services:
        """The same services, each with its record."""
        return replace(
            services,
            store=lambda request: self._store(services, request),
            find=lambda request: self._find(services, request),
            worklist=lambda request: self._worklist(services, request),
            move=lambda request: self._move(services, request),
            get=lambda request: self._get(services, request),
            commit_request=lambda *given: self._commit_request(services, *given),
            commit_report=lambda *given: self._commit_report(services, *given),
            create_step=lambda *given: self._create_step(services, *given),
            set_step=lambda *given: self._set_step(services, *given),
        )

    # --- instances that come and go ---

    def _store(self, services: Services, request: StoreRequest) -> int:
        head = request.head
        try:
            status = services.store(request)
        except Exception as error:
            self.tell(self._received(head.caller, head.sop_instance_uid, _failure_words(error)))
            raise
        self.tell(self._received(head.caller, head.sop_instance_uid, ""))
        return status

    def _received(self, caller: Peer, uid: str, failure: str) -> AuditEvent:
        return AuditEvent(
            at=self.now(),
            kind=Kind.TRANSFER,
            action=Action.CREATE,
            outcome=Outcome.MINOR_FAILURE if failure else Outcome.SUCCESS,
            description=f"{failure} {uid}" if failure else "",
            participants=(
                replace(ae(caller), requestor=True, role=Role.SOURCE),
                replace(self.us, role=Role.DESTINATION),
            ),
            about=() if failure else (uid,),
            collect=not failure,
        )

    def _get(self, services: Services, request: GetRequest) -> Iterator[SubOperations]:
        def store(file: Part10File) -> StoreResponse:
            response = request.store(file)
            self.tell(sent(self.us, request.caller, file, response, at=self.now(), asked=True))
            return response

        keys = request.identifier
        self._asked(request.caller, GET_CLASSES[request.root], keys)
        return services.get(replace(request, store=store))

    def _move(self, services: Services, request: MoveRequest) -> Iterator[SubOperations]:
        self._asked(request.caller, MOVE_CLASSES[request.root], request.identifier)
        return services.move(request)

    # --- queries ---

    def _find(self, services: Services, request: FindRequest) -> Iterator[FindAnswer]:
        syntax = request.transfer_syntax_uid
        self._asked(request.caller, FIND_CLASSES[request.root], request.identifier, syntax)
        return services.find(request)

    def _worklist(self, services: Services, request: WorklistRequest) -> Iterator[FindAnswer]:
        syntax = request.transfer_syntax_uid
        self._asked(request.caller, WORKLIST_CLASS, request.identifier, syntax)
        return services.worklist(request)

    def _asked(self, caller: Peer, sop_class: str, identifier: Dataset, syntax: str = "") -> None:
        syntax = syntax or str(ImplicitVRLittleEndian)
        self.tell(
            query_event(
                asker=replace(ae(caller), requestor=True),
                answerer=self.us,
                query=Query(
                    sop_class=sop_class,
                    keys=_encoded(identifier, syntax),
                    transfer_syntax=syntax,
                ),
                at=self.now(),
            )
        )

    # --- commitment and procedure steps ---

    def _commit_request(
        self,
        services: Services,
        caller: Peer,
        request: CommitmentRequest,
        association: SameAssociation,
    ) -> int:
        status = services.commit_request(caller, request, association)
        uids = tuple(each.sop_instance_uid for each in request.instances)
        words = f"storage commitment asked for {len(uids)} instances"
        self._accessed(caller, words, uids, Action.READ, failed=status != SUCCESS)
        return status

    def _commit_report(self, services: Services, caller: Peer, report: CommitmentReport) -> int:
        status = services.commit_report(caller, report)
        uids = tuple(each.sop_instance_uid for each in (*report.committed, *report.failed))
        words = f"storage commitment reported: {len(report.committed)} of {len(uids)} committed"
        self._accessed(caller, words, uids, Action.UPDATE, failed=status != SUCCESS)
        return status

    def _accessed(
        self, caller: Peer, words: str, uids: tuple[str, ...], action: Action, *, failed: bool
    ) -> None:
        self.tell(
            AuditEvent(
                at=self.now(),
                kind=Kind.ACCESS,
                action=action,
                outcome=Outcome.MINOR_FAILURE if failed else Outcome.SUCCESS,
                description=words,
                participants=(replace(ae(caller), requestor=True), replace(self.us, role=None)),
                about=uids,
            )
        )

    def _create_step(self, services: Services, caller: Peer, uid: str, attributes: Dataset) -> str:
        try:
            made = services.create_step(caller, uid, attributes)
        except DimseFailure as error:
            self._stepped(caller, uid, attributes, Action.CREATE, _failure_words(error))
            raise
        self._stepped(caller, made, attributes, Action.CREATE, "")
        return made

    def _set_step(self, services: Services, caller: Peer, uid: str, attributes: Dataset) -> None:
        try:
            services.set_step(caller, uid, attributes)
        except DimseFailure as error:
            self._stepped(caller, uid, attributes, Action.UPDATE, _failure_words(error))
            raise
        self._stepped(caller, uid, attributes, Action.UPDATE, "")

    def _stepped(
        self, caller: Peer, uid: str, attributes: Dataset, action: Action, failure: str
    ) -> None:
        self.tell(
            step_event(
                uid,
                attributes,
                action,
                failure=failure,
                participants=(replace(ae(caller), requestor=True), replace(self.us, role=None)),
                at=self.now(),
            )
        )


def _encoded(identifier: Dataset, syntax: str) -> bytes:
    """The dataset in its transfer syntax; what cannot be written, as nothing."""
    uid = UID(syntax)
    held = DicomBytesIO()
    held.is_implicit_VR, held.is_little_endian = uid.is_implicit_VR, uid.is_little_endian
    try:
        write_dataset(held, identifier)
    except PARSE_FAULTS:  # the peer's own values: the query goes on, and is recorded
        return b""
    return held.getvalue()


def _failure_words(error: Exception) -> str:
    if isinstance(error, DimseFailure):
        return f"refused with {error.status:04X}"
    return f"failed ({type(error).__name__})"

"""DIMSE operations as audit events, of peers and of this node: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydicom.dataset import Dataset

from echonode.audit.codes import Action, Kind, Outcome, Role
from echonode.audit.event import AuditEvent, Participant, Patient, Query, Study
from echonode.dimse.services import Part10File, StoreResponse
from echonode.model.identity import Peer
from echonode.model.status import SUCCESS


def ae(peer: Peer) -> Participant:
    """A peer as a participant (A.5.2.1, A.5.2.2)."""
    return Participant(user=peer.name, also=f"AETITLES={peer.ae_title}", address=peer.host)


def sent(
    us: Participant,
    peer: Peer,
    file: Part10File,
    response: StoreResponse,
    *,
    at: datetime,
    asked: bool = False,
) -> AuditEvent:
    """An instance that went to a peer. asked: the peer fetched it, it was not delivered."""
    status = response.about_instance
    failed = status is None or (status != SUCCESS and status & 0xF000 != 0xB000)
    said = "no answer about it" if status is None else f"answered {status:04X}"
    return AuditEvent(
        at=at,
        kind=Kind.TRANSFER,
        action=Action.READ,
        outcome=Outcome.MINOR_FAILURE if failed else Outcome.SUCCESS,
        description=said if failed else "",
        participants=(
            replace(us, role=Role.SOURCE, requestor=not asked),
            replace(ae(peer), role=Role.DESTINATION, requestor=asked),
        ),
        about=(file.sop_instance_uid,),
        collect=True,
    )


def step_event(
    uid: str,
    attributes: Dataset,
    action: Action,
    *,
    failure: str,
    participants: tuple[Participant, ...],
    at: datetime,
) -> AuditEvent:
    """A performed procedure step that began, changed or ended (A.5.3.15)."""
    return AuditEvent(
        at=at,
        kind=Kind.PROCEDURE,
        action=action,
        outcome=Outcome.MINOR_FAILURE if failure else Outcome.SUCCESS,
        description=f"procedure step {uid} {failure}".strip(),
        participants=participants,
        patient=_patient(attributes),
        studies=tuple(Study(uid=each) for each in _studies(attributes)),
    )


def query_event(
    *, asker: Participant, answerer: Participant, query: Query, at: datetime
) -> AuditEvent:
    """A query with its keys (A.5.3.10)."""
    return AuditEvent(
        at=at,
        kind=Kind.QUERY,
        action=Action.EXECUTE,
        participants=(replace(asker, role=Role.SOURCE), replace(answerer, role=Role.DESTINATION)),
        query=query,
    )


def _patient(attributes: Dataset) -> Patient | None:
    identifier = str(attributes.get("PatientID", "") or "")
    if not identifier:
        return None
    return Patient(id=identifier, name=str(attributes.get("PatientName", "") or ""))


def _studies(attributes: Dataset) -> list[str]:
    steps = attributes.get("ScheduledStepAttributesSequence", None) or ()
    found = (str(step.get("StudyInstanceUID", "") or "") for step in steps)
    return list(dict.fromkeys(uid for uid in found if uid))

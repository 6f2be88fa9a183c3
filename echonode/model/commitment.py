"""Storage commitment transactions (PS3.4 annex J), seen from the side that asks.

Rules
- A transaction is written down before its N-ACTION goes out; its UID is never used again.
- N-ACTION success means "received", nothing more.
- A report counts for the instances that the transaction names, and only for those.
- A transaction ends once: a second report of the same outcome is a duplicate and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from echonode.errors import IllegalTransition
from echonode.model import status

STORAGE_COMMITMENT_PUSH_MODEL = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"


class TransactionState(StrEnum):
    """Where a transaction stands."""

    CREATED = "created"  # durable, N-ACTION not yet answered
    REQUESTED = "requested"  # N-ACTION answered 0000
    REPORTED = "reported"  # a report that counts was applied
    ABANDONED = "abandoned"  # asked again under a new Transaction UID, or the request was refused


class TransactionEvent(StrEnum):
    """What can happen to a transaction."""

    ACCEPTED = "accepted"  # N-ACTION response 0000
    REFUSED = "refused"  # N-ACTION response other than 0000, or none
    REPORT = "report"
    GIVE_UP = "give_up"  # its time is over: ask again with a new transaction


S, E = TransactionState, TransactionEvent
TRANSITIONS: MappingProxyType[tuple[TransactionState, TransactionEvent], TransactionState] = (
    MappingProxyType(
        {
            (S.CREATED, E.ACCEPTED): S.REQUESTED,
            (S.CREATED, E.REFUSED): S.ABANDONED,
            (S.CREATED, E.REPORT): S.REPORTED,  # seen: the report before the N-ACTION response
            (S.CREATED, E.GIVE_UP): S.ABANDONED,
            (S.REQUESTED, E.REPORT): S.REPORTED,
            (S.REQUESTED, E.GIVE_UP): S.ABANDONED,
            (S.REPORTED, E.ACCEPTED): S.REPORTED,  # the response that came after its report
            (S.REPORTED, E.REFUSED): S.REPORTED,
            (S.REPORTED, E.REPORT): S.REPORTED,  # a duplicate, answered 0000
            (S.ABANDONED, E.REPORT): S.REPORTED,  # late, but it is the archive's commitment
        }
    )
)
del S, E


def after(state: TransactionState, event: TransactionEvent) -> TransactionState:
    """The state that `event` leads to; IllegalTransition where the table has no row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a transaction that is {state} cannot take {event}") from None


class InboundState(StrEnum):
    """Where a peer's request for commitment stands."""

    PENDING = "pending"  # durable; its report is still to be taken by the peer
    REPORTED = "reported"  # the peer answered the report with 0000
    GIVEN_UP = "given_up"  # the report is not tried again


class InboundEvent(StrEnum):
    """What can happen to a peer's request."""

    REPORTED = "reported"
    RETRY = "retry"  # the peer could not be reached or did not take the report
    GIVE_UP = "give_up"


# An event that comes after the end has no row: it changes nothing.
INBOUND_TRANSITIONS: MappingProxyType[tuple[InboundState, InboundEvent], InboundState] = (
    MappingProxyType(
        {
            (InboundState.PENDING, InboundEvent.REPORTED): InboundState.REPORTED,
            (InboundState.PENDING, InboundEvent.RETRY): InboundState.PENDING,
            (InboundState.PENDING, InboundEvent.GIVE_UP): InboundState.GIVEN_UP,
        }
    )
)


class FailureReason(IntEnum):
    """Failure Reason (0008,1197) of a Failed SOP Sequence item (PS3.3 C.14.1.1)."""

    PROCESSING_FAILURE = status.PROCESSING_FAILURE
    NO_SUCH_OBJECT_INSTANCE = status.NO_SUCH_SOP_INSTANCE
    CLASS_INSTANCE_CONFLICT = status.CLASS_INSTANCE_CONFLICT
    REFERENCED_SOP_CLASS_NOT_SUPPORTED = status.SOP_CLASS_NOT_SUPPORTED
    DUPLICATE_TRANSACTION_UID = status.DUPLICATE_TRANSACTION_UID
    RESOURCE_LIMITATION = status.RESOURCE_LIMITATION


@dataclass(frozen=True, kw_only=True)
class ReferencedInstance:
    """An item of Referenced SOP Sequence (0008,1199)."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class CommitmentRequest:
    """The action information of an N-ACTION (PS3.4 J.3.2.1)."""

    transaction_uid: str
    instances: tuple[ReferencedInstance, ...]


@dataclass(frozen=True, kw_only=True)
class CommitmentReport:
    """The event information of an N-EVENT-REPORT (PS3.4 J.3.3.1).

    failed: instance -> Failure Reason as sent (it may be outside FailureReason).
    """

    transaction_uid: str
    committed: tuple[ReferencedInstance, ...]
    failed: Mapping[ReferencedInstance, int]

"""The life of one delivery: one instance on its way to one destination.

Rules
- TRANSITIONS is total: every (state, event) pair that may happen has a row; any other raises
  IllegalTransition and changes nothing.
- A state says only what is proved. `sent` is the archive's word that it received the instance;
  only `committed` is its commitment to keep it, and `verified` the best there is without one.
- Crash recovery is the event INTERRUPTED: an instance whose answer was not seen may have been
  stored, so it is sent again with the same bytes (dicom-wise harmless), never assumed sent.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from echonode.errors import IllegalTransition
from echonode.model.status import ELEMENTS_DISCARDED, STORED_WITHOUT_MATCHING_SOP_CLASS

# PS3.4 B.2.3, B006 and B007: stored, but the archive's copy is not the whole of ours. Ours stays
# until a person clears it.
DIFFERING_COPY_STATUSES = frozenset({ELEMENTS_DISCARDED, STORED_WITHOUT_MATCHING_SOP_CLASS})

# Part of the reason of every delivery that is held because the file here is not what was stored:
# by it the deliveries are found that may go on once the file is whole again.
DAMAGED_HERE = "our copy is damaged"
# The reason of a delivery that is held until a person has looked at the pixels: a look finds its
# deliveries by these words.
WAITS_FOR_LOOK = "it may carry text in its pixels: a person must look at it before a copy leaves"


class DeliveryState(StrEnum):
    """As shown by `echonode ledger`."""

    CAPTURED = "captured"  # durable here; no destination is configured
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    COMMIT_REQUESTED = "commit_requested"
    COMMITTED = "committed"
    VERIFIED = "verified"
    HELD = "held"


class DeliveryEvent(StrEnum):
    """What can happen to a delivery."""

    SEND = "send"  # a worker takes it up
    STORED = "stored"  # C-STORE success or warning, or 0111: perhaps stored
    RETRY = "retry"  # failed for now, due again later
    HOLD = "hold"  # needs a person
    INTERRUPTED = "interrupted"  # the node stopped in the middle
    REQUEST_COMMITMENT = "request_commitment"
    COMMITTED = "committed"
    NOT_COMMITTED = "not_committed"  # the report names it as failed: send it again
    REQUEST_LOST = "request_lost"  # no report, or the request failed: ask again
    FOUND = "found"  # IMAGE-level C-FIND answered with it
    RELEASE = "release"  # the operator: try again
    MISSING = "missing"  # verify: the archive answered success but does not have it


S, E = DeliveryState, DeliveryEvent
TRANSITIONS: MappingProxyType[tuple[DeliveryState, DeliveryEvent], DeliveryState] = (
    MappingProxyType(
        {
            (S.QUEUED, E.SEND): S.SENDING,
            (S.QUEUED, E.HOLD): S.HELD,
            (S.SENDING, E.STORED): S.SENT,
            (S.SENDING, E.RETRY): S.QUEUED,
            (S.SENDING, E.HOLD): S.HELD,
            (S.SENDING, E.INTERRUPTED): S.QUEUED,
            (S.SENT, E.REQUEST_COMMITMENT): S.COMMIT_REQUESTED,
            (S.SENT, E.FOUND): S.VERIFIED,
            (S.SENT, E.MISSING): S.QUEUED,
            (S.SENT, E.HOLD): S.HELD,
            (S.COMMIT_REQUESTED, E.COMMITTED): S.COMMITTED,
            (S.COMMIT_REQUESTED, E.NOT_COMMITTED): S.QUEUED,
            (S.COMMIT_REQUESTED, E.REQUEST_LOST): S.SENT,
            (S.COMMIT_REQUESTED, E.HOLD): S.HELD,
            (S.HELD, E.RELEASE): S.QUEUED,
            (S.HELD, E.COMMITTED): S.COMMITTED,  # released, and committed while it was held
        }
    )
)
del S, E


def after(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """The state that `event` leads to.

    Raises IllegalTransition where the table has no row.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a delivery that is {state} cannot take {event}") from None

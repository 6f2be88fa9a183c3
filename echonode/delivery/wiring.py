"""Puts the parts of one destination's delivery together, for node.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from random import random as random_number

from echonode.delivery.health import DestinationHealth
from echonode.delivery.line import Line
from echonode.delivery.ports import (
    Associate,
    CheckBytes,
    CommitmentService,
    DeliveryStore,
    Reencode,
)
from echonode.delivery.proof import CommitmentProof, NoProof, Proof
from echonode.delivery.retry import Backoff, Random
from echonode.delivery.sender import Sender
from echonode.delivery.status_table import StatusTable, Verdict
from echonode.delivery.storage_scu import StorageSCU
from echonode.delivery.verification import Verification
from echonode.delivery.worker import DeliveryWorker
from echonode.model.identity import CommitmentPolicy, Destination

# Long enough for the next still of a series and for an archive that reports at once, short enough
# that an archive's few association slots are not kept for nothing.
LINGER_S = 2.0


def delivery_worker(
    destination: Destination,
    *,
    store: DeliveryStore,
    associate: Associate,
    commitment: CommitmentService,
    now: Callable[[], datetime],
    check_bytes: CheckBytes | None,
    reencode: Reencode | None = None,
    statuses: Mapping[str, Verdict] | None = None,
    backoff: Backoff | None = None,
    linger_s: float = LINGER_S,
    monotonic: Callable[[], float] = time.monotonic,
    random: Random = random_number,
) -> DeliveryWorker:
    """The worker of `destination`, not yet started.

    check_bytes: looks before each C-STORE whether the bytes are those stored; None: do not look.
    reencode: makes Explicit and Implicit VR Little Endian of each other; None: send as stored.
    statuses: this destination's own rows of the status table.
    """
    backoff = backoff or Backoff()
    health = DestinationHealth(monotonic)
    line = Line(
        destination,
        associate,
        health=health,
        reencoding=reencode is not None,
        linger_s=linger_s,
        monotonic=monotonic,
    )
    sender = Sender(
        destination,
        store=store,
        storage_scu=StorageSCU(table=StatusTable(statuses), reencode=reencode),
        check_bytes=check_bytes,
        health=health,
        now=now,
        random=random,
        backoff=backoff,
    )
    return DeliveryWorker(
        destination,
        store=store,
        line=line,
        sender=sender,
        proof=_proof(destination, store, commitment, now=now, monotonic=monotonic),
        health=health,
        now=now,
        random=random,
        backoff=backoff,
    )


def _proof(
    destination: Destination,
    store: DeliveryStore,
    commitment: CommitmentService,
    *,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> Proof:
    match destination.commitment:
        case CommitmentPolicy.REQUIRED:
            return CommitmentProof(destination, store, commitment, now=now)
        case CommitmentPolicy.VERIFY:
            return Verification(destination, store, now=now, monotonic=monotonic)
        case CommitmentPolicy.NONE:
            return NoProof()

"""Puts the parts of one destination's delivery together, for node.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from random import random as random_number

from echonode.delivery.association_holder import Line
from echonode.delivery.claimed_jobs import Claims
from echonode.delivery.concurrency import Parallelism
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.echo import EchoSCU
from echonode.delivery.lanes import Crew
from echonode.delivery.negotiation import Repertoire
from echonode.delivery.outcomes import Settlement
from echonode.delivery.peer_capabilities import Acquaintance
from echonode.delivery.policy import DeliveryPolicy
from echonode.delivery.ports import (
    Associate,
    CheckBytes,
    CommitmentService,
    DeliveryStore,
    KeyValue,
    Reencode,
)
from echonode.delivery.proof import CommitmentProof, NoProof, Proof
from echonode.delivery.retry import Backoff, Random
from echonode.delivery.sender import Sender
from echonode.delivery.status_table import StatusTable
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
    policy: DeliveryPolicy | None = None,
    reencode: Reencode | None = None,
    key_value: KeyValue | None = None,
    backoff: Backoff | None = None,
    linger_s: float = LINGER_S,
    echo_every_s: float | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    random: Random = random_number,
) -> DeliveryWorker:
    """The worker of `destination`, not yet started.

    check_bytes: looks before an instance is re-encoded whether its bytes are those stored; None: do
    not look. reencode: makes what the policy's repertoire needs; None: send as stored. notes: where
    what is learnt of the archive is kept; None: nowhere. echo_every_s: how long nothing may be
    heard of it before it is called for that alone; None: it never is.
    """
    policy = policy or DeliveryPolicy()
    backoff = backoff or Backoff()
    health = DestinationHealth(monotonic, now)
    acquaintance = Acquaintance(destination, key_value, now=now)
    repertoire = Repertoire(reencoding=reencode is not None, lossy=policy.lossy_quality is not None)

    def new_line() -> Line:
        return Line(
            destination,
            associate,
            health=health,
            acquaintance=acquaintance,
            repertoire=repertoire,
            linger_s=linger_s,
            monotonic=monotonic,
        )

    settlement = Settlement(
        destination, store=store, health=health, now=now, random=random, backoff=backoff
    )
    storage_scu = StorageSCU(
        table=StatusTable(policy.statuses),
        repertoire=repertoire,
        reencode=reencode,
        check_bytes=check_bytes,
    )
    crew = Crew(
        destination.name,
        claims=Claims(destination.name, store, now=now),
        clerk=settlement.clerk,
        sender=Sender(storage_scu=storage_scu, settlement=settlement, health=health),
        health=health,
        parallelism=Parallelism(policy.associations),
        new_line=new_line,
        monotonic=monotonic,
    )
    return DeliveryWorker(
        destination,
        store=store,
        line=new_line(),
        crew=crew,
        proof=_proof(destination, store, commitment, health=health, now=now, monotonic=monotonic),
        echo=EchoSCU(destination, associate, health=health, every_s=echo_every_s),
        health=health,
        acquaintance=acquaintance,
        now=now,
        monotonic=monotonic,
        random=random,
        backoff=backoff,
    )


def _proof(
    destination: Destination,
    store: DeliveryStore,
    commitment: CommitmentService,
    *,
    health: DestinationHealth,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> Proof:
    match destination.commitment:
        case CommitmentPolicy.REQUIRED:
            return CommitmentProof(destination, store, commitment, health=health, now=now)
        case CommitmentPolicy.VERIFY:
            return Verification(destination, store, now=now, monotonic=monotonic)
        case CommitmentPolicy.NONE:
            return NoProof()

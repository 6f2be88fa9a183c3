"""Puts the parts of one destination's delivery together, for node.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import random as random_number

from echonode.delivery.association_holder import AssociationHolder
from echonode.delivery.claimed_jobs import ClaimedJobs
from echonode.delivery.concurrency import ConcurrencyController
from echonode.delivery.context import DestinationContext
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.echo import EchoSCU
from echonode.delivery.encoding_options import EncodingOptions
from echonode.delivery.lane import Lane
from echonode.delivery.lanes import LanePool
from echonode.delivery.outcome_writer import Outcome, OutcomeWriter
from echonode.delivery.outcomes import OutcomeHandler, stored_logger
from echonode.delivery.peer_capabilities import PeerCapabilities
from echonode.delivery.policy import DeliveryPolicy
from echonode.delivery.ports import (
    ALONE,
    Anonymising,
    Associate,
    CheckBytes,
    CommitmentService,
    NodeShare,
    Reencode,
)
from echonode.delivery.proof import CommitmentProof, NoProof, Proof
from echonode.delivery.retry import Backoff
from echonode.delivery.sending_rate import SendingRate
from echonode.delivery.status_table import StatusTable
from echonode.delivery.storage_scu import StorageSCU
from echonode.delivery.verification import Verification
from echonode.delivery.worker import DeliveryWorker
from echonode.model.backoff import Random
from echonode.model.identity import CommitmentPolicy, Destination
from echonode.store.database.key_value import KeyValue
from echonode.store.deliveries.deliveries import Deliveries

# Long enough for the next still of a series and for an archive that reports at once; short enough
# not to occupy one of an archive's few associations without use.
LINGER_S = 2.0


@dataclass(frozen=True, kw_only=True)
class DeliveryServices:
    """What the deliveries of all destinations use of the node.

    check_bytes: checks before an instance is re-encoded that its bytes are those stored; None: no
    check. key_value: keeps what is learnt of the archives; None: only in memory. linger_s: how long
    an unused association stays open. echo_every_s: after how long without an answer an archive is
    called by C-ECHO; None: never. nodes: what is this node's work, of several.
    """

    store: Deliveries
    associate: Associate
    commitment: CommitmentService
    now: Callable[[], datetime]
    check_bytes: CheckBytes | None = None
    key_value: KeyValue | None = None
    linger_s: float = LINGER_S
    echo_every_s: float | None = None
    nodes: NodeShare = ALONE
    backoff: Backoff = field(default_factory=Backoff)
    monotonic: Callable[[], float] = time.monotonic
    random: Random = random_number

    def context_for(self, destination: Destination) -> DestinationContext:
        """What the parts of one destination share."""
        return DestinationContext(
            destination=destination,
            store=self.store,
            associate=self.associate,
            health=DestinationHealth(self.monotonic, self.now),
            now=self.now,
            monotonic=self.monotonic,
            random=self.random,
            backoff=self.backoff,
            nodes=self.nodes,
        )


def delivery_worker(
    destination: Destination,
    services: DeliveryServices,
    *,
    policy: DeliveryPolicy | None = None,
    reencode: Reencode | None = None,
    anonymising: Anonymising | None = None,
) -> DeliveryWorker:
    """The worker of `destination`, not yet started.

    reencode: makes the encodings that the policy allows; None: send every instance as stored.
    anonymising: makes the copy that it gets in the place of each instance; None: it gets the
    instance.
    """
    policy = policy or DeliveryPolicy()
    context = services.context_for(destination)
    capabilities = PeerCapabilities(destination, services.key_value, now=services.now)
    encoding_options = EncodingOptions(
        reencoding=reencode is not None, lossy=policy.lossy_quality is not None
    )
    rate = SendingRate(services.monotonic)
    log_stored = stored_logger(destination)

    def written(outcome: Outcome) -> None:
        rate.count()
        log_stored(outcome)

    writer = OutcomeWriter(context, written=written)
    outcomes = OutcomeHandler(context, writer)
    storage_scu = StorageSCU(
        table=StatusTable(policy.statuses),
        encoding_options=encoding_options,
        reencode=reencode,
        check_bytes=services.check_bytes,
        anonymising=anonymising,
    )

    def new_lane() -> Lane:
        holder = AssociationHolder(
            context,
            capabilities=capabilities,
            encoding_options=encoding_options,
            linger_s=services.linger_s,
        )
        return Lane(holder, storage_scu=storage_scu, outcomes=outcomes, health=context.health)

    return DeliveryWorker(
        context,
        lane=new_lane(),
        lane_pool=LanePool(
            context,
            claimed_jobs=ClaimedJobs(context),
            outcome_writer=writer,
            concurrency=ConcurrencyController(policy.associations),
            new_lane=new_lane,
        ),
        proof=_proof(context, services.commitment),
        echo=EchoSCU(context, every_s=services.echo_every_s),
        capabilities=capabilities,
        rate=rate,
    )


def _proof(context: DestinationContext, commitment: CommitmentService) -> Proof:
    match context.destination.commitment:
        case CommitmentPolicy.REQUIRED:
            return CommitmentProof(context, commitment)
        case CommitmentPolicy.VERIFY:
            return Verification(context)
        case CommitmentPolicy.NONE:
            return NoProof()

"""What the parts of one destination's delivery share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.ports import ALONE, Associate, NodeShare
from echonode.delivery.retry import Backoff
from echonode.model.backoff import Random
from echonode.model.identity import Destination
from echonode.store.deliveries.deliveries import Deliveries


@dataclass(frozen=True, kw_only=True)
class DestinationContext:
    """One destination, the store and the network as it uses them, and its clocks.

    health: what its last answers say of it; every part reads and updates it. now: wall time.
    monotonic: seconds of the monotonic clock. random: for the jitter of `backoff`. nodes: what of
    this destination's work is this node's, of several.
    """

    destination: Destination
    store: Deliveries
    associate: Associate
    health: DestinationHealth
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Random
    backoff: Backoff
    nodes: NodeShare = ALONE

"""Delivery: instances a second from a node's store to an archive, and C-STORE over TLS.

The other senders read plain files. The node's delivering half reads its store, checks each
instance's hash before it goes, finds by itself how many associations help, and makes every outcome
durable.
"""

from __future__ import annotations

from typing import Final

from tests.benchmarks.c_store import Match, storing
from tests.benchmarks.cast import DELIVERING, FAR_STORESCP, ORTHANC, OVER_TLS, RAW, STORESCU
from tests.benchmarks.contest import ECHONODE
from tests.peers.instances import STILL

# A delivery of seconds, in which it has found its number of associations.
_LONGER = 4

DELIVERY_BENCHMARKS: Final = (
    storing(
        "delivery of stills from the store to Orthanc, and its best sender",
        STILL,
        {
            ECHONODE: Match(sender=DELIVERING, receiver=ORTHANC),
            f"{RAW} x4": Match(sender=RAW, receiver=ORTHANC, associations=4),
        },
        at_least=0.9,
        times=_LONGER,
    ),
    storing(
        "delivery of stills from the store over a round trip of 50 ms",
        STILL,
        {
            ECHONODE: Match(sender=DELIVERING, receiver=FAR_STORESCP),
            STORESCU: Match(sender=STORESCU, receiver=FAR_STORESCP),
        },
        at_least=4,
        times=2,
    ),
)

TLS_BENCHMARKS: Final = (
    storing(
        "C-STORE of stills over TLS and in clear, EchoNode to EchoNode",
        STILL,
        {
            ECHONODE: Match(sender=ECHONODE, receiver=OVER_TLS),
            "EchoNode in clear": Match(sender=ECHONODE, receiver=ECHONODE),
        },
    ),
)

"""A node of a cluster whose lease is seconds: what it says, waits for and takes over is as shipped.

For trials by the hundred: at the shipped lease of a minute each would take more than that.
"""

from __future__ import annotations

import os
from typing import Final

from echonode.node import cluster
from echonode.store.database import postgres_engine
from echonode.store.nodes import membership
from echonode.store.objects import bucket

SHORT_LEASE: Final = "ECHONODE_TEST_SHORT_LEASE"  # of the environment of a node under test
LEASE_S: Final = 2.0
STORAGE_WAIT_S: Final = 3  # for an answer of the object storage, in the place of a minute


def shorten_lease_if_asked() -> None:
    """Where the environment asks for it. The shares of the lease stay about what they were."""
    if not os.environ.get(SHORT_LEASE):
        return
    import obstore  # noqa: F401  # before the fork, so that no life pays for it
    import psycopg  # noqa: F401  # likewise

    vars(membership).update(LEASE_S=LEASE_S, BEAT_S=LEASE_S / 6, _MARGIN_S=LEASE_S / 6)
    vars(cluster).update(BEAT_S=LEASE_S / 6, POLL_S=LEASE_S / 8)
    vars(postgres_engine).update(IDLE_S=1)
    vars(bucket).update(_TIMEOUT=f"{STORAGE_WAIT_S}s")

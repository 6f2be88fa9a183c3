"""Tables of the nodes that share the database, and of what belongs to one of them at a time.

Rules
- Times are by the database's clock: those of the nodes may differ.
- A node that was not seen for LEASE_S (nodes/membership.py) has lost what it held.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database.columns import METADATA, text_column, time_column

cluster_node = sa.Table(
    "cluster_node",
    METADATA,
    # New and random at each start: a node of the same name after a restart is another.
    text_column("incarnation", primary_key=True),
    text_column("name"),
    # Of the destinations: nodes that disagree about them must not run together.
    text_column("configuration"),
    time_column("seen_at"),
)

lease = sa.Table(
    "lease",
    METADATA,
    # What belongs to one node: `duties`, or `probe NAME`.
    text_column("name", primary_key=True),
    text_column("incarnation"),
)

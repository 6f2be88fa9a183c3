"""What the nodes of one database must agree on."""

from __future__ import annotations

import hashlib

from echonode.config.schema import Config


def destinations_digest(config: Config) -> str:
    """What must be the same on every node: where instances go, by which rules, as a hash."""
    parts = (
        config.ae_title,
        *(repr(each) for each in config.destination_values()),
        *(each.model_dump_json() for each in config.destinations),
        *(each.model_dump_json() for each in config.forwarding),
        config.retention.model_dump_json(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

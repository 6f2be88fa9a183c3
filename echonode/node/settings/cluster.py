"""What the nodes of one database must agree on."""

from __future__ import annotations

import hashlib

from echonode.config.schema import Config


def destinations_digest(config: Config) -> str:
    """What must be the same on every node: where instances go, by which rules, as a hash."""
    peers = [
        (each.name, each.peer.ae_title, each.peer.host, each.peer.port, each.commitment.value)
        for each in config.destination_values()
    ]
    sections = (*config.destinations, *config.forwarding, config.retention)
    rules = [_plain(each.model_dump(mode="python")) for each in sections]
    return hashlib.sha256(repr((config.ae_title, peers, rules)).encode()).hexdigest()


def _plain(value: object) -> object:
    """The same text in every process: a set has no order of its own."""
    if isinstance(value, dict):
        return sorted((str(key), _plain(each)) for key, each in value.items())
    if isinstance(value, set | frozenset):
        return sorted(str(each) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)

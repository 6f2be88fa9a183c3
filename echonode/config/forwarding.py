"""Where instances go on to that other modalities send us, so that they can use us as a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from echonode.config.fields import Section
from echonode.errors import ConfigFault
from echonode.model.identity import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echonode.config.schema import Config


def _as_list(value: object) -> object:
    """One entry may stand without its list."""
    return (value,) if isinstance(value, str) else value


class ForwardingRule(Section):
    """What peer `from` stores here is delivered to these destinations too, as ours is."""

    from_peer: Annotated[str, Field(alias="from")]
    to: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_as_list)]


def forwarding_faults(config: Config) -> Iterator[ConfigFault]:
    """Rules that name nobody, can never come to pass, or send an instance in a circle."""
    destinations = [destination.peer for destination in config.destinations]
    for index, rule in enumerate(config.forwarding):
        path = f"forwarding[{index}]"
        peer = config.peers.get(rule.from_peer)
        if peer is None:
            known = ", ".join(config.peers) or "none"
            yield ConfigFault(
                path=f"{path}.from",
                problem=f"there is no peer `{rule.from_peer}`",
                remedy=f"Configured peers: {known}.",
            )
        elif Service.STORE not in peer.may:
            yield ConfigFault(
                path=f"{path}.from",
                problem=f"peer `{rule.from_peer}` may not store here",
                remedy=f"Add `store` to peers.{rule.from_peer}.may.",
            )
        for name in rule.to:
            if name not in destinations:
                yield ConfigFault(
                    path=f"{path}.to",
                    problem=f"`{name}` is no destination",
                    remedy="Name the peer of an entry of `destinations`.",
                )
            elif name == rule.from_peer:
                yield ConfigFault(
                    path=f"{path}.to",
                    problem=f"`{name}` would get back what it sent",
                    remedy="Forward to another destination.",
                )

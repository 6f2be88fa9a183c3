"""The `hl7` section of the configuration as its listener."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime
from functools import partial

from echonode.config import Config
from echonode.dimse.upper_layer.tls_context import FollowedContext, server_context
from echonode.exam.hl7.connection import CurrentTLS
from echonode.exam.hl7.listener import Hl7Listener
from echonode.exam.hl7.order_sources import OrderDefaults
from echonode.exam.hl7.receiver import OnApplied, Receiver
from echonode.node.local_timezone import local_zone
from echonode.store.store import Store


def hl7_listener(
    config: Config, store: Store, *, now: Callable[[], datetime], on_applied: OnApplied
) -> Hl7Listener | None:
    """Takes order messages into the store; None for a configuration without the section."""
    section = config.hl7
    if section is None:
        return None
    return Hl7Listener(
        section.listen.host,
        section.listen.port,
        answer=Receiver(
            store.order_messages.apply,
            defaults=OrderDefaults(
                zone=local_zone(),
                modality=section.modality,
                station_ae_titles=section.station_ae_titles,
                uid_scope=store.node_id,
            ),
            now=now,
            default_character_set=section.character_set,
            on_applied=on_applied,
        ),
        addresses=tuple(ipaddress.ip_network(text) for text in section.addresses),
        tls=_tls(config),
    )


def _tls(config: Config) -> CurrentTLS | None:
    """What a sender must prove, by files that may be renewed while the node runs."""
    listener = config.hl7.listen if config.hl7 else None
    if listener is None or listener.tls is None:
        return None
    make = partial(server_context, require_client_cert=listener.tls.require_client_cert)
    return FollowedContext(listener.tls.value(), make).current

"""The configured listeners as the DICOM network's own values, and as others have to enter them."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from echonode.config import Config, Listener
from echonode.dimse.acceptor import ListenerAddress
from echonode.model.identity import CallBackAddress

_EVERYWHERE = ("0.0.0.0", "::")


def listener_addresses(listeners: Iterable[Listener]) -> list[ListenerAddress]:
    """Where to listen, and with which certificates where TLS is spoken."""
    return [
        ListenerAddress(
            host=listener.host,
            port=listener.port,
            tls=listener.tls.value() if listener.tls else None,
            require_client_cert=listener.tls is None or listener.tls.require_client_cert,
        )
        for listener in listeners
    ]


def call_back_address(config: Config) -> CallBackAddress:
    """What a PACS's operator has to enter to reach us: our first listener.

    One that listens everywhere has no address of its own; then this machine's name is told.
    """
    listener = config.listen[0]
    host = socket.gethostname() if listener.host in _EVERYWHERE else listener.host
    return CallBackAddress(ae_title=config.ae_title, host=host, port=listener.port)

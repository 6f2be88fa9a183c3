"""The configured listeners as the DICOM network's own values, and as others have to enter them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import replace

from echonode.config import Config, Listener
from echonode.dimse.acceptor import ListenerAddress
from echonode.dimse.limits import Limits
from echonode.exam.hl7.listener import CONNECTIONS as HL7_CONNECTIONS
from echonode.log import get_logger
from echonode.model.identity import CallBackAddress
from echonode.node.process_limits import caller_limits
from echonode.web.connections import FOR_HEALTH, MAX_CONNECTIONS

log = get_logger(__name__)

_EVERYWHERE = ("0.0.0.0", "::")


def listener_addresses(listeners: Iterable[Listener]) -> list[ListenerAddress]:
    """Where to listen, and with which certificates where TLS is spoken."""
    return [
        ListenerAddress(
            host=listener.host,
            port=listener.port,
            tls=listener.tls.value() if listener.tls else None,
            require_client_cert=listener.tls is None or listener.tls.require_client_cert,
            trusted_proxies=tuple(map(ipaddress.ip_network, listener.trusted_proxies)),
        )
        for listener in listeners
    ]


def listener_limits(config: Config, descriptors: int) -> Limits:
    """The limits of the listeners where this process may have so many descriptors.

    Fewer callers than usual where those are few; the log says so, for the limit can be raised.
    """
    usual = Limits()
    fit = caller_limits(
        descriptors,
        connections=usual.connections,
        associations=usual.associations,
        sending=sum(destination.associations for destination in config.destinations),
        destinations=len(config.destinations),
        probes=len(config.probes),
        web=(MAX_CONNECTIONS + FOR_HEALTH if config.web else 0)
        + (HL7_CONNECTIONS if config.hl7 else 0),
    )
    if fit.connections < usual.connections:
        log.warning(
            "descriptors_few",
            descriptors=descriptors,
            connections=fit.connections,
            associations=fit.associations,
            remedy="Raise the hard limit of open files to 4096 or more (LimitNOFILE, ulimit -n).",
        )
    return replace(usual, connections=fit.connections, associations=fit.associations)


def call_back_address(config: Config) -> CallBackAddress:
    """What a PACS's operator has to enter to reach us: our first listener.

    One that listens everywhere has no address of its own; then it is this machine's name.
    """
    listener = config.listen[0]
    host = socket.gethostname() if listener.host in _EVERYWHERE else listener.host
    return CallBackAddress(ae_title=config.ae_title, host=host, port=listener.port)

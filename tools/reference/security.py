"""The numbers of docs/security.md, from the code: ports, defaults, limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echonode.access.login_limits import ADDRESS_TRIES, NAME_TRIES
from echonode.access.passwords import MOST_PIN_TRIES, SHORTEST
from echonode.config import load
from echonode.config.schema import Web
from echonode.dimse.limits import Limits
from echonode.exam.hl7.listener import CONNECTIONS
from echonode.monitoring.conformance.statement import claims
from echonode.monitoring.conformance.web import PORT
from echonode.query_retrieve.key_bounds import MOST_KEYS
from echonode.web.connections import HEADER_S, MAX_CONNECTIONS, PER_ADDRESS
from echonode.web.json_requests import MAX_BODY_BYTES

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "echonode.yaml"


def ports() -> str:
    """A row for each port of the example configuration."""
    rows = [
        f"| {' | '.join(claim.values)} |"
        for claim in claims(load(EXAMPLE, {}))
        if claim.kind is PORT
    ]
    return "\n".join(["| protocol | address | port | encryption |", "|---|---|---|---|", *rows])


def limits() -> str:
    """A row for each limit that a reviewer asks for."""
    return "\n".join(["| limit | value | in |", "|---|---|---|", *_limits()])


def _limits() -> Iterator[str]:
    dimse, web = Limits(), Web()
    for what, value, where in (
        ("DICOM associations at once", dimse.associations, "dimse/limits.py"),
        ("of one peer", dimse.associations_per_peer, "dimse/limits.py"),
        ("bytes of a PDU", dimse.pdu_bytes, "dimse/limits.py"),
        ("bytes of a received data set", dimse.message_bytes, "dimse/limits.py"),
        ("seconds from a connection to its request", dimse.request_s, "dimse/limits.py"),
        ("seconds of an association without a PDU", dimse.idle_s, "dimse/limits.py"),
        ("keys of a query", MOST_KEYS, "query_retrieve/key_bounds.py"),
        ("HTTP connections at once", MAX_CONNECTIONS, "web/connections.py"),
        ("of one address", PER_ADDRESS, "web/connections.py"),
        ("seconds for the head of an HTTP request", HEADER_S, "web/connections.py"),
        ("bytes of a JSON request", MAX_BODY_BYTES, "web/json_requests.py"),
        ("HL7 connections at once", CONNECTIONS, "exam/hl7/listener.py"),
        ("log-in tries of an address, at first", ADDRESS_TRIES, "access/login_limits.py"),
        ("log-in tries of a name, at first", NAME_TRIES, "access/login_limits.py"),
        ("characters of a password, at least", SHORTEST, "access/passwords.py"),
        ("tries of a PIN", MOST_PIN_TRIES, "access/passwords.py"),
        ("hours of a session", web.session_hours, "config/schema.py"),
        ("minutes until a page locks", web.lock_after_minutes, "config/schema.py"),
    ):
        yield f"| {what} | {value:,g} | `{where}` |"

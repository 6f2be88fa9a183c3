"""The port of HL7 senders: whether it listens, or could.

We never call a sender, so nothing of it can be proved from here; the outcome says so, and what to
do at the sender instead.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from echonode.config import Config
from echonode.monitoring.preflight.outcome import PeerOutcome, Step
from echonode.system_faults import said_of

NAME = "hl7"
_CONNECT_S = 5.0
_UNPROVED = (
    "no sender is called by us, so none is proved: send a test patient (ADT^A08) from each, and "
    "look for `hl7_taken` in the log"
)


def check_hl7(config: Config) -> PeerOutcome | None:
    """What can be said of the port; None where the configuration has no `hl7`."""
    if config.hl7 is None:
        return None
    listener = config.hl7.listen
    form = "TLS" if listener.tls else "plain"
    return PeerOutcome(
        peer=NAME,
        ae_title="HL7 v2 senders",
        address=f"{listener.host}:{listener.port}",
        purpose=f"orders and patients by MLLP, {form}",
        steps=(_step(listener.host, listener.port),),
    )


def _step(host: str, port: int) -> Step:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if _listens(host, port):
            return Step(name="listen", ok=True, detail=f"the port is listened at; {_UNPROVED}")
        return Step(
            name="listen",
            ok=False,
            detail=f"the port cannot be bound: {said_of(error)}",
            remedy="Correct `hl7.listen`: host is an address of this machine, ports below 1024 "
            "need a right of their own.",
        )
    return Step(name="listen", ok=True, detail=f"the port is free, for no node runs; {_UNPROVED}")


def _listens(host: str, port: int) -> bool:
    """Whether the running node, or another program, listens there."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    with suppress(OSError):
        socket.create_connection((here, port), timeout=_CONNECT_S).close()
        return True
    return False

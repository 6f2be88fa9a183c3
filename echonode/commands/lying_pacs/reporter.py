"""Reports a commitment to a sender, on an association of its own: for archives and forgers."""

from __future__ import annotations

import socket
from contextlib import suppress

from echonode.commands.lying_pacs import association_wire, wire
from echonode.commands.lying_pacs.commitment_wire import COMMITMENT, Report, report_message
from echonode.commands.lying_pacs.wire import EXPLICIT_LITTLE

# The requestor is the SCP of the service (PS3.7 D.3.3.4): it proposes that role and no other.
_AS_SCP = {COMMITMENT: (False, True)}
_RELEASE = wire.pdu(wire.RELEASE_RQ, b"\0\0\0\0")


def send_report(
    report: Report,
    *,
    port: int,
    calling: str,
    host: str = "127.0.0.1",
    called: str = "ECHONODE",
    with_role: bool = True,
    transfer_syntaxes: tuple[str, ...] = (EXPLICIT_LITTLE,),
    timeout_s: float = 30.0,
) -> int | None:
    """The status that the sender answered; None where it rejected, aborted or hung up.

    Raises OSError where it cannot be reached or does not answer in time.
    """
    contexts = [
        wire.Proposed(abstract_syntax=COMMITMENT, transfer_syntax=syntax)
        for syntax in transfer_syntaxes
    ]
    with socket.create_connection((host, port), timeout_s) as sock:
        wire.tune(sock)
        try:
            roles = _AS_SCP if with_role else {}
            sock.sendall(association_wire.request(called, calling, contexts, roles))
            kind, body = wire.read_pdu(sock)
            accepted = wire.read_accept(body)[0] if kind == wire.ASSOCIATE_AC else set()
            if not accepted:
                return None
            context_id = min(accepted)
            syntax = transfer_syntaxes[(context_id - 1) // 2]
            sock.sendall(
                report_message(
                    report, context_id=context_id, message_id=1, transfer_syntax_uid=syntax
                )
            )
            kind, body = wire.read_pdu(sock)
        except (wire.WireError, BrokenPipeError, ConnectionResetError):
            return None
        if kind != wire.DATA:
            return None
        with suppress(wire.WireError, BrokenPipeError, ConnectionResetError):
            sock.sendall(_RELEASE)
            wire.read_pdu(sock)
        return int.from_bytes(wire.read_command(body[6:])[0x0900], "little")

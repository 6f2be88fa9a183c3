"""Reports a commitment to the node, on an association of its own: for archives and forgers."""

from __future__ import annotations

from contextlib import suppress

from tests.benchmarks import wire
from tests.faults.archives import association_wire
from tests.faults.archives.commitment_wire import COMMITMENT, Report, report_message
from tests.faults.callers.client import RELEASE, Client, Ended, Rejected
from tests.faults.callers.instances import EXPLICIT_LITTLE

# The requestor is the SCP of the service (PS3.7 D.3.3.4): it proposes that role and no other.
_AS_SCP = {COMMITMENT: (False, True)}


def send_report(
    report: Report,
    *,
    port: int,
    calling: str,
    called: str = "ECHONODE",
    with_role: bool = True,
    transfer_syntaxes: tuple[str, ...] = (EXPLICIT_LITTLE,),
    timeout_s: float = 30.0,
) -> int | None:
    """The status that the node answered; None where it rejected, aborted or hung up.

    Raises OSError where it cannot be reached or does not answer in time.
    """
    contexts = [
        wire.Proposed(abstract_syntax=COMMITMENT, transfer_syntax=syntax)
        for syntax in transfer_syntaxes
    ]
    with Client(port, timeout_s=timeout_s) as client:
        try:
            roles = _AS_SCP if with_role else {}
            client.send(association_wire.request(called, calling, contexts, roles))
            accepted = client.read_accept()
            if not accepted:
                return None
            context_id = min(accepted)
            syntax = transfer_syntaxes[(context_id - 1) // 2]
            client.send(
                report_message(
                    report, context_id=context_id, message_id=1, transfer_syntax_uid=syntax
                )
            )
            status = client.read_status()
        except (Ended, Rejected):
            return None
        with suppress(Ended):
            client.send(RELEASE)
            client.read_pdu()
        return status

"""The whole preflight: every peer of the configuration, or one.

Something has to take reports at our listeners: the running node, or an acceptor of the command
(commands/preflight.py) while no node runs. Both pass each report to `awaited` first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from echonode.commitment.commitment_scu import random_transaction_uid
from echonode.config import Config
from echonode.errors import UsageError
from echonode.model.identity import CallBackAddress
from echonode.preflight.hl7_check import NAME as HL7
from echonode.preflight.hl7_check import check_hl7
from echonode.preflight.outcome import PeerOutcome
from echonode.preflight.peer_check import Associate, PeerCheck
from echonode.preflight.pending_reports import PendingReports
from echonode.preflight.requirements import requirements_of
from echonode.preflight.round_trip import REPORT_S, RoundTrip
from echonode.preflight.test_image import preflight_image


class Preflight:
    """Runs one at a time; a second waits for the first. awaited: gets each report first."""

    def __init__(
        self,
        config: Config,
        *,
        associate: Associate,
        awaited: PendingReports,
        us: CallBackAddress,
        now: Callable[[], datetime],
        report_s: float = REPORT_S,
    ) -> None:
        """us: what a peer's operator has to enter; report_s: how long a report may take."""
        self._config = config
        round_trip = RoundTrip(
            image=preflight_image(config.ae_title),
            associate=associate,
            awaited=awaited,
            us=us,
            new_transaction_uid=random_transaction_uid,
            report_s=report_s,
        )
        self._check = PeerCheck(associate=associate, us=us, round_trip=round_trip, now=now)
        self._one_at_a_time = threading.Lock()

    def run(self, peer: str | None = None) -> list[PeerOutcome]:
        """Prove every peer and the HL7 port, or the one of that name.

        Raises UsageError where there is none.
        """
        wanted = [
            needs for needs in requirements_of(self._config) if peer in (None, needs.peer.name)
        ]
        with self._one_at_a_time:
            senders = check_hl7(self._config) if peer in (None, HL7) else None
            if peer is not None and not wanted and senders is None:
                known = ", ".join(self._config.peers) or "none"
                raise UsageError(f"there is no peer `{peer}`; configured are: {known}")
            proved = [self._check.run(needs) for needs in wanted]
        return [*proved, senders] if senders is not None else proved

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
from echonode.delivery.stow.web_requestor import WebRequestor
from echonode.errors import UsageError
from echonode.model.identity import CallBackAddress
from echonode.monitoring.preflight.console_check import NAME as CONSOLE
from echonode.monitoring.preflight.console_check import check_console
from echonode.monitoring.preflight.hl7_check import NAME as HL7
from echonode.monitoring.preflight.hl7_check import check_hl7
from echonode.monitoring.preflight.objects_check import NAME as OBJECTS
from echonode.monitoring.preflight.objects_check import check_objects
from echonode.monitoring.preflight.outcome import PeerOutcome
from echonode.monitoring.preflight.peer_check import Associate, PeerCheck, planned_outcome
from echonode.monitoring.preflight.pending_reports import PendingReports
from echonode.monitoring.preflight.requirements import Requirements, requirements_of
from echonode.monitoring.preflight.round_trip import REPORT_S, RoundTrip
from echonode.monitoring.preflight.test_image import preflight_image
from echonode.monitoring.preflight.web_check import WebCheck, planned_web_outcome


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
        has_users: Callable[[], bool],
        report_s: float = REPORT_S,
    ) -> None:
        """us: what a peer's operator has to enter; report_s: how long a report may take.

        has_users: whether a user may log in to the console.
        """
        self._config = config
        # What is no peer, by the names that `run` takes.
        self._own: dict[str, Callable[[], PeerOutcome | None]] = {
            HL7: lambda: check_hl7(config),
            OBJECTS: lambda: check_objects(config),
            CONSOLE: lambda: check_console(config, has_users=has_users()),
        }
        image = preflight_image(config.ae_title)
        round_trip = RoundTrip(
            image=image,
            associate=associate,
            awaited=awaited,
            us=us,
            new_transaction_uid=random_transaction_uid,
            report_s=report_s,
        )
        self._check = PeerCheck(associate=associate, us=us, round_trip=round_trip, now=now)
        self._web_check = WebCheck(image=image, associate=WebRequestor().associate)
        self._one_at_a_time = threading.Lock()

    def planned(self, peer: str | None = None) -> list[PeerOutcome]:
        """Each peer that `run` checks, with the steps that may come. Raises UsageError."""
        return [
            planned_web_outcome(needs) if needs.peer.web else planned_outcome(needs)
            for needs in self._wanted(peer)
        ]

    def run(
        self,
        peer: str | None = None,
        *,
        told: Callable[[PeerOutcome], None] = lambda outcome: None,
    ) -> list[PeerOutcome]:
        """Prove every peer, the HL7 port, the object storage and the console, or that one.

        told: called after each step with what is known of its peer then. Raises UsageError where
        there is no such peer.
        """
        wanted = self._wanted(peer)
        with self._one_at_a_time:
            own = [
                outcome
                for name, check in self._own.items()
                if peer in (None, name) and (outcome := check()) is not None
            ]
            proved = [
                (self._web_check if needs.peer.web else self._check).run(needs, told=told)
                for needs in wanted
            ]
        for outcome in own:
            told(outcome)
        return [*proved, *own]

    def _wanted(self, peer: str | None) -> list[Requirements]:
        wanted = [
            needs for needs in requirements_of(self._config) if peer in (None, needs.peer.name)
        ]
        is_known = peer is None or wanted or (peer in self._own and bool(self._own[peer]()))
        if not is_known:
            peers = (*self._config.peers, *(web.name for web in self._config.web_peer_values()))
            known = ", ".join(peers) or "none"
            raise UsageError(f"there is no peer `{peer}`; configured are: {known}")
        return wanted

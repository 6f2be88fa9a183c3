"""The parts of the node that speak with a RIS, built from the configuration: worklist and steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from echonode.config import Config
from echonode.dimse.requestor import Requestor
from echonode.errors import UsageError
from echonode.exam.procedure_step.attributes import StepStation
from echonode.exam.procedure_step.reporter import StepReporter
from echonode.exam.worklist.query import WorklistQuery
from echonode.exam.worklist.refresh import WorklistPlan, WorklistRefresh, WorklistStatus
from echonode.exam.worklist.refused_keys import RefusedKeys
from echonode.exam.worklist.scu import Tally, WorklistSCU
from echonode.exam.worklist.search import kept_as_found
from echonode.model.identity import CallBackAddress, Peer
from echonode.model.worklist_item import WorklistItem
from echonode.node.local_timezone import local_zone
from echonode.store.store import Store

_NO_WORKLIST = "no worklist is configured: give `worklist` with its peer"


class RisParts:
    """worklist: the refresh in the background; steps: the reporting. None where not configured."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        requestor: Requestor,
        us: CallBackAddress,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        peers = {peer.name: peer for peer in config.peer_values()}
        self._scu: WorklistSCU | None = None
        self.worklist: WorklistRefresh | None = None
        if section := config.worklist:
            peer = peers[section.peer]
            self._scu = WorklistSCU(
                associate=requestor.associate,
                peer=peer,
                refused_keys=RefusedKeys(store.key_value, peer.name, now=now),
                now=now,
                character_set=section.character_set,
            )
            self.worklist = WorklistRefresh(
                self._scu,
                plan=WorklistPlan(
                    station_ae_titles=section.station_ae_title,
                    modality=section.modality,
                    days_before=section.days_before,
                    days_after=section.days_after,
                    period_s=section.refresh_s,
                ),
                items=store.worklist,
                notes=store.key_value,
                us=us,
                now=now,
                local_now=lambda: now().astimezone(local_zone()),
            )
        self.steps: StepReporter | None = None
        if config.mpps:
            self.steps = _reporter(
                config, store, peers[config.mpps.peer], requestor=requestor, us=us, now=now
            )

    @property
    def status(self) -> WorklistStatus | None:
        """How the list of the RIS stands; None where none is configured."""
        return self.worklist.status if self.worklist else None

    def held_steps(self) -> Mapping[str, int]:
        """Peer -> procedure steps that it refused and that a person must look at."""
        return {self.steps.peer.name: self.steps.status.given_up} if self.steps else {}

    def refresh(self, *, patience_s: float) -> WorklistStatus:
        """Ask the RIS now; how the list stands then. Raises UsageError where none is configured."""
        if self.worklist is None:
            raise UsageError(_NO_WORKLIST)
        return self.worklist.refresh_now(patience_s=patience_s)

    def search(self, query: WorklistQuery, tally: Tally) -> Iterator[WorklistItem]:
        """What the RIS has, as it answers; each item is durable before it is yielded.

        tally: says at the end whether the list was cut. Raises UsageError where no RIS is
        configured or nothing is searched for; NetworkError.
        """
        if self._scu is None:
            raise UsageError(_NO_WORKLIST)
        if not (query.patient_id or query.patient_name or query.accession_number):
            raise UsageError("give a patient's ID or name, or an accession number")
        return kept_as_found(self._scu.search(query, tally), self._store.worklist)


def _reporter(
    config: Config,
    store: Store,
    peer: Peer,
    *,
    requestor: Requestor,
    us: CallBackAddress,
    now: Callable[[], datetime],
) -> StepReporter:
    destinations = config.destination_values()
    return StepReporter(
        peer=peer,
        reports=store.step_reports,
        exams=store.exams,
        notes=store.key_value,
        associate=requestor.associate,
        station=StepStation(
            ae_title=config.ae_title,
            name=config.institution.station or config.ae_title,
            # A DICOMweb server has none.
            retrieve_ae_title=next((d.peer.ae_title for d in destinations if not d.peer.web), ""),
        ),
        us=us,
        now=now,
    )

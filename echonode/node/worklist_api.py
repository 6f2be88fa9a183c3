"""The worklist as the HTTP API has it: a search at the RIS, a refresh, and what a person enters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo

from echonode.audit.sources.orders import AuditedOrders
from echonode.exam.entering import Entering
from echonode.exam.worklist.query import WorklistQuery
from echonode.exam.worklist.scu import Tally
from echonode.model.patient import checked_patient
from echonode.node.ris import RisParts
from echonode.node.worklist_json import Json, item_json, standing_json

# A person waits for it; a RIS that takes longer goes on in the background.
REFRESH_S = 20.0


class NodeWorklist:
    """web.worklist.WorklistApi on a node. local: the zone whose days people type."""

    def __init__(
        self,
        ris: RisParts,
        entering: Entering,
        audited: AuditedOrders,
        *,
        now: Callable[[], datetime],
        local: tzinfo,
    ) -> None:
        self._ris, self._entering, self._audited = ris, entering, audited
        self._now, self._local = now, local

    def search(
        self, *, patient_id: str, patient_name: str, accession_number: str
    ) -> Iterator[Json]:
        query = WorklistQuery(
            patient_id=patient_id, patient_name=patient_name, accession_number=accession_number
        )
        tally = Tally()
        for item in self._ris.search(query, tally):
            yield {"item": item_json(item)}
        yield {"more": tally.more, "missing": sum(tally.unusable.values())}

    def refresh(self) -> Json:
        return standing_json(self._ris.refresh(patience_s=REFRESH_S), self._now())

    def enter(self, patient: Json, order: Json, *, by: str) -> Json:
        today = self._now().astimezone(self._local).date()
        item = self._entering.enter(checked_patient(patient, today=today), order)
        self._audited.entered(item, by=by, at=self._now(), taken_back=False)
        return item_json(item)

    def take_back(self, item_id: str, *, by: str) -> None:
        item = self._entering.take_back(item_id)
        self._audited.entered(item, by=by, at=self._now(), taken_back=True)

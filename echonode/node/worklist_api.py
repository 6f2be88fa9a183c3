"""The worklist of the RIS as the HTTP API has it: a person's search, and a refresh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from echonode.exam.worklist.query import WorklistQuery
from echonode.exam.worklist.scu import Tally
from echonode.node.exam_api import Json, item_json, standing_json
from echonode.node.ris import RisParts

# A person waits for it; a RIS that takes longer goes on in the background.
REFRESH_S = 20.0


class NodeWorklist:
    """web.worklist.WorklistApi on a node."""

    def __init__(self, ris: RisParts, *, now: Callable[[], datetime]) -> None:
        self._ris, self._now = ris, now

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

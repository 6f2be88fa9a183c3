"""The Modality Worklist SCP (PS3.4 K.4.1): what was ordered here, for the modalities around us.

Rules
- Served is what came by HL7 or was entered by a person; items of a RIS only where the configuration
  says so: their modalities ask it themselves, and two lists of one thing differ.
- A step that was completed or discontinued is not scheduled any more, and not served; what an exam
  of this node does counts like a peer's procedure step.
- One line is logged a query: who, how many answers, how long; never a key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from echonode.dimse.services import FindAnswer, WorklistRequest
from echonode.exam.serving.item_values import values_of
from echonode.exam.serving.worklist_query import ItemWriter, compile_item_test, read_query
from echonode.log import get_logger
from echonode.model.worklist_item import WorklistItem, WorklistSource

log = get_logger(__name__)

# PS3.3 C.4.10, (0040,0020): the step is over.
OVER = frozenset({"COMPLETED", "DISCONTINUED", "CANCELED"})


class Items(Protocol):
    """What is shown of the worklist, by day; the store's."""

    def __call__(self, *, start_date_from: str, start_date_to: str) -> Iterable[WorklistItem]: ...


class WorklistSCP:
    """Answers worklist queries; one serves all associations."""

    def __init__(
        self,
        items: Items,
        *,
        from_ris: bool = False,
        performed_here: Callable[[], Mapping[str, str]] = dict,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """from_ris: what a RIS answered us is served as well.

        performed_here: id of an item -> the status that an exam of this node gave it.
        """
        self._items, self._monotonic = items, monotonic
        self._performed_here = performed_here
        self._sources = {WorklistSource.HL7, WorklistSource.ENTERED}
        if from_ris:
            self._sources.add(WorklistSource.RIS)

    def __call__(self, request: WorklistRequest) -> Iterator[FindAnswer]:
        """The items that match, until C-CANCEL. Raises DimseFailure A900 before the first."""
        began, answers, complete = self._monotonic(), 0, False
        asked = read_query(request.identifier)
        matches = compile_item_test(asked, fuzzy_names=request.fuzzy_names)
        writer = ItemWriter(asked, request.transfer_syntax_uid)
        first, last = asked.start_dates
        performed = self._performed_here()
        try:
            for item in self._items(start_date_from=first, start_date_to=last):
                if request.cancelled():
                    return
                status = performed.get(item.id, item.step.status)
                if item.source not in self._sources or status in OVER:
                    continue
                values = values_of(replace(item, step=replace(item.step, status=status)))
                if matches(values):
                    answers += 1
                    yield FindAnswer(
                        identifier=writer.write(values), unsupported_keys=bool(asked.unsupported)
                    )
            complete = True
        finally:
            log.info(
                "query_answered",
                ae_title=request.caller.ae_title,
                query_retrieve_level="WORKLIST",
                answers=answers,
                complete=complete,
                milliseconds=round((self._monotonic() - began) * 1000, 1),
            )

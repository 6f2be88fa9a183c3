"""The C-GET SCP: sends what an identifier names on the requestor's own association (PS3.4 C.4.3.3).

Rules
- The requestor proposes the storage classes with the SCP role for itself. An instance of another
  class fails (ContextNotAccepted) and is in the failed list.
- C-CANCEL is checked between sub-operations; those not begun stay `remaining`.
- When the association is lost there is no requestor to answer: AssociationLost is raised.
- Nothing found is a success with zero sub-operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from echonode.dimse.services import GetRequest, SubOperations
from echonode.model.criteria import Selection
from echonode.model.instance import StoredInstance
from echonode.query_retrieve.progress import Tally, find_instances, logged
from echonode.query_retrieve.selection import read_selection
from echonode.query_retrieve.sub_operations import Reencode, SubOperationSender


class GetSCP:
    """Serves C-GET requests; one serves all associations."""

    def __init__(
        self,
        *,
        select: Callable[[Selection], Iterable[StoredInstance]],
        reencode: Reencode | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`select` gives the instances of a selection; reencode: see sub_operations.py."""
        self._select = select
        self._reencode = reencode
        self._monotonic = monotonic

    def __call__(self, request: GetRequest) -> Iterator[SubOperations]:
        """Where the retrieval stands after each sub-operation; the last is the final answer.

        Raises DimseFailure before anything was sent: A900, A701. Raises AssociationLost.
        """
        selection = read_selection(request.identifier, request.root)
        instances = find_instances(self._select, selection)
        tally = Tally(len(instances))
        sender = SubOperationSender(request.store, reencode=self._reencode)
        with logged("get", request.caller, tally, monotonic=self._monotonic):
            yield tally.snapshot()
            for instance in instances:
                if request.cancelled():
                    return
                yield sender.send(instance, tally)

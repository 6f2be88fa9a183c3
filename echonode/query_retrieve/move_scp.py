"""The C-MOVE SCP: sends what an identifier names to a configured peer (PS3.4 C.4.2.3).

Rules
- An unknown Move Destination is refused before the identifier is read: A801.
- One association carries all sub-operations (one after another where they need more than 128
  contexts). When it is lost in the middle, the current instance and those after it are sent
  once more over a new one: the receiver may have the first already, and the same bytes twice do no
  harm. What cannot be sent then has failed.
- Where the destination cannot be reached, all fail at once: the final answer is A702 with the list.
- C-CANCEL is checked between sub-operations; those not begun stay `remaining`. The loss of
  the requestor ends the retrieval as well: AssociationLost is raised.
- Nothing found is a success with zero sub-operations.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import MoveRequest, SubOperations
from echonode.errors import AssociationLost, DimseFailure, NetworkError
from echonode.model.criteria import Selection
from echonode.model.identity import Peer
from echonode.model.instance import StoredInstance
from echonode.model.status import MOVE_DESTINATION_UNKNOWN
from echonode.query_retrieve.destinations import Associate, Batch, batches
from echonode.query_retrieve.progress import Tally, find_instances, logged
from echonode.query_retrieve.selection import read_selection
from echonode.query_retrieve.sub_operations import Reencode, SubOperationSender

_ASSOCIATIONS_PER_BATCH = 2  # the first, and one new one when it is lost


class MoveSCP:
    """Serves C-MOVE requests; one serves all associations."""

    def __init__(
        self,
        *,
        select: Callable[[Selection], Iterable[StoredInstance]],
        associate: Associate,
        destination_for: Callable[[str], Peer | None],
        reencode: Reencode | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the service of its ports.

        select: the instances of a selection. associate: opens an association to a peer.
        destination_for: the configured peer with an AE title. reencode: see sub_operations.py;
        without it instances are sent as stored or not at all.
        """
        self._select = select
        self._associate = associate
        self._destination_for = destination_for
        self._reencode = reencode
        self._monotonic = monotonic

    def __call__(self, request: MoveRequest) -> Iterator[SubOperations]:
        """Where the retrieval stands after each sub-operation; the last is the final answer.

        Raises DimseFailure before anything was sent: A801, A900, A701.
        """
        destination = self._destination_for(request.move_destination.strip(" "))
        if destination is None:
            raise DimseFailure(MOVE_DESTINATION_UNKNOWN, "Move Destination is not configured")
        selection = read_selection(request.identifier, request.root)
        instances = find_instances(self._select, selection)
        tally = Tally(len(instances))
        with logged(
            "move",
            request.caller,
            tally,
            monotonic=self._monotonic,
            move_destination=destination.ae_title,
        ):
            yield tally.snapshot()
            execution = _MoveExecution(request, destination, tally)
            for batch in batches(instances, reencoding=self._reencode is not None):
                yield from self._send_batch(execution, batch)

    def _send_batch(self, execution: _MoveExecution, batch: Batch) -> Iterator[SubOperations]:
        waiting = deque(batch.instances)
        fault = ""
        for _ in range(_ASSOCIATIONS_PER_BATCH):
            if not waiting or execution.cancelled():
                return
            try:
                yield from self._send_over_one_association(execution, batch.contexts, waiting)
            except NetworkError as trouble:
                if execution.requestor_gone:
                    raise
                fault = type(trouble).__name__
                if not isinstance(trouble, AssociationLost):
                    break
        if waiting and fault:
            yield execution.tally.fail(waiting, fault)

    def _send_over_one_association(
        self,
        execution: _MoveExecution,
        contexts: Sequence[ProposedContext],
        waiting: deque[StoredInstance],
    ) -> Iterator[SubOperations]:
        """Send what waits, removing each instance once it is counted, until C-CANCEL."""
        request = execution.request
        with self._associate(execution.destination, contexts) as association:
            store = partial(
                association.c_store,
                move_originator_ae_title=request.caller.ae_title,
                move_originator_message_id=request.message_id,
            )
            sender = SubOperationSender(store, reencode=self._reencode)
            while waiting and not execution.cancelled():
                stands = sender.send(waiting[0], execution.tally)
                waiting.popleft()
                try:
                    yield stands
                except GeneratorExit:
                    # Cancelled, or the requestor is gone, between two sub-operations: the
                    # destination is not at fault and is released, not aborted.
                    return


class _MoveExecution:
    """One request being executed; distinguishes the loss of the requestor and the destination."""

    def __init__(self, request: MoveRequest, destination: Peer, tally: Tally) -> None:
        self.request = request
        self.destination = destination
        self.tally = tally
        self.requestor_gone = False

    def cancelled(self) -> bool:
        """Whether C-CANCEL came. Raises AssociationLost when the requestor is gone."""
        try:
            return self.request.cancelled()
        except AssociationLost:
            self.requestor_gone = True
            raise

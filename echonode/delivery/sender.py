"""Sends one instance over a lane's association and has its outcome written down."""

from __future__ import annotations

from collections.abc import Sequence

from echonode.delivery.line import Line
from echonode.delivery.retry import after_damage, after_refused_contexts, after_unreadable
from echonode.delivery.settlement import Settlement
from echonode.delivery.storage_scu import StorageSCU
from echonode.errors import ContextNotAccepted, Damaged, InvalidObject, NetworkError
from echonode.model.instance import StoredInstance
from echonode.store.values import DeliveryJob


class Sender:
    """One destination's sending; every lane's thread uses it with a line of its own."""

    def __init__(self, *, storage_scu: StorageSCU, settlement: Settlement) -> None:
        self._storage_scu = storage_scu
        self._settlement = settlement

    def send(self, line: Line, job: DeliveryJob, upcoming: Sequence[StoredInstance]) -> None:
        """Send `job` and settle it; a failure may leave the destination paused.

        upcoming: what will follow on this line, for its negotiation. Raises what Line.get raises,
        with nothing sent, and StoreError.
        """
        settlement = self._settlement
        try:
            opened = line.get([job.instance, *upcoming])
        except ContextNotAccepted as error:
            settlement.settle(job, after_refused_contexts(error))
            return
        try:
            outcome = self._storage_scu.send(opened.association, opened.negotiated, job.instance)
        except ContextNotAccepted as error:
            settlement.settle(job, after_refused_contexts(error))
        except InvalidObject as error:
            settlement.settle(job, after_unreadable(error))
        except OSError as error:
            settlement.failed_here(job, error)
        except Damaged as error:
            if not opened.association.is_open:
                line.drop()  # half a message is out, nothing can follow it
            settlement.settle(job, after_damage(error))
        except NetworkError as error:
            line.drop()
            settlement.lost(job, error)
        else:
            line.touch()
            settlement.answered(job, outcome)

"""Sends one instance over a lane's association and has its outcome written down."""

from __future__ import annotations

from collections.abc import Sequence

from echonode.delivery.line import Line
from echonode.delivery.ports import CheckBytes
from echonode.delivery.retry import after_damage, after_refused_contexts, after_unreadable
from echonode.delivery.settlement import Settlement
from echonode.delivery.storage_scu import StorageSCU
from echonode.errors import ContextNotAccepted, Damaged, InvalidObject, NetworkError
from echonode.model.instance import StoredInstance
from echonode.store.values import DeliveryJob


class Sender:
    """One destination's sending; every lane's thread uses it with a line of its own."""

    def __init__(
        self, *, storage_scu: StorageSCU, check_bytes: CheckBytes | None, settlement: Settlement
    ) -> None:
        """`check_bytes` None: send without looking whether the bytes are still those stored."""
        self._storage_scu = storage_scu
        self._check_bytes = check_bytes
        self._settlement = settlement

    def send(self, line: Line, job: DeliveryJob, upcoming: Sequence[StoredInstance]) -> None:
        """Send `job` and settle it; a failure may leave the destination paused.

        upcoming: what will follow on this line, for its negotiation. Raises what Line.get raises,
        with nothing sent, and StoreError.
        """
        settlement = self._settlement
        try:
            if self._check_bytes is not None:
                self._check_bytes(job.instance)
            opened = line.get([job.instance, *upcoming])
        except Damaged as error:
            settlement.settle(job, after_damage(error))
            return
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
            line.drop()  # half a message is out, nothing can follow it
            settlement.settle(job, after_damage(error))
        except NetworkError as error:
            line.drop()
            settlement.lost(job, error)
        else:
            line.touch()
            settlement.answered(job, outcome)

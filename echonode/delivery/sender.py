"""Sends one instance over a lane's association and has its outcome written down.

Rules
- Whatever an instance raises is that instance's failure (retry.py): the next one goes on. What is
  raised while its association is opened is counted against it too, so that others come first; but
  then every instance may fail alike, and none is held.
- Only the network (Line.get) and the store (an outcome that cannot be written) concern all.
"""

from __future__ import annotations

from collections.abc import Sequence

from echonode.delivery.association_holder import Line, OpenLine
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.outcomes import Settlement
from echonode.delivery.retry import after_damage, after_refused_contexts, after_unreadable
from echonode.delivery.storage_scu import StorageSCU
from echonode.errors import (
    ContextNotAccepted,
    Damaged,
    InvalidObject,
    NetworkError,
    StoreError,
    described,
)
from echonode.log import get_logger, place_of
from echonode.model.instance import StoredInstance
from echonode.store.values import DeliveryJob

log = get_logger(__name__)


class Sender:
    """One destination's sending; every lane's thread uses it with a line of its own."""

    def __init__(
        self, *, storage_scu: StorageSCU, settlement: Settlement, health: DestinationHealth
    ) -> None:
        self._storage_scu = storage_scu
        self._settlement = settlement
        self._health = health

    def send(self, line: Line, job: DeliveryJob, upcoming: Sequence[StoredInstance]) -> None:
        """Send `job` and settle it; a failure may leave the destination paused.

        upcoming: what will follow on this line, for its negotiation. Raises what Line.get raises
        of the network and the store, with nothing sent, and StoreError.
        """
        settlement = self._settlement
        try:
            opened = line.get([job.instance, *upcoming])
        except ContextNotAccepted as error:
            settlement.settle(job, after_refused_contexts(error))
        except (NetworkError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # the border of one instance
            self._health.fault = f"no association can be opened: {described(error)}"
            self._failed(line, job, error, is_of_instance=False)
        else:
            self._send_on(line, opened, job)

    def _send_on(self, line: Line, opened: OpenLine, job: DeliveryJob) -> None:
        settlement = self._settlement
        try:
            outcome = self._storage_scu.send(opened.association, opened.negotiated, job.instance)
        except ContextNotAccepted as error:
            settlement.settle(job, after_refused_contexts(error))
        except InvalidObject as error:
            settlement.settle(job, after_unreadable(error))
        except Damaged as error:
            if not opened.association.is_open:
                line.drop()  # half a message is out, nothing can follow it
            settlement.settle(job, after_damage(error))
        except NetworkError as error:
            line.drop()
            settlement.lost(job, error)
        except (OSError, MemoryError, StoreError) as error:
            # Our disk or memory: not the instance's fault.
            if not opened.association.is_open:
                line.drop()  # half a message is out, nothing can follow it
            settlement.failed_here(job, error, is_of_instance=False)
        except Exception as error:  # noqa: BLE001  # the border of one instance
            self._failed(line, job, error, is_of_instance=True)
        else:
            line.touch()
            settlement.answered(job, outcome)

    def _failed(
        self, line: Line, job: DeliveryJob, error: Exception, *, is_of_instance: bool
    ) -> None:
        """An error that nobody foresaw: how far the association got with it is unknown."""
        line.drop()
        log.error(
            "delivery_failed",
            sop_instance_uid=job.instance.sop_instance_uid,
            error=type(error).__name__,
            where=place_of(error),
        )
        self._settlement.failed_here(job, error, is_of_instance=is_of_instance)

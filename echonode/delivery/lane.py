"""One lane to a destination: it sends one instance at a time over an association of its own.

Rules
- An error that sending an instance raises is a failure of that instance (retry.py); the next one
  goes on. An error of our own while an association is opened counts against the instance as well,
  so that others go first. But it may hit every instance alike, so it holds none.
- Only two kinds of error end a lane's turn: the network's, raised by AssociationHolder.get, and the
  store's, when an outcome cannot be written.
"""

from __future__ import annotations

from collections.abc import Sequence

from echonode.delivery.association_holder import AssociationHolder, HeldAssociation
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.outcomes import OutcomeHandler
from echonode.delivery.retry import (
    after_damage,
    after_not_anonymised,
    after_refused_contexts,
    after_unreadable,
)
from echonode.delivery.storage_scu import StorageSCU
from echonode.errors import (
    ContextNotAccepted,
    Damaged,
    InvalidObject,
    NetworkError,
    NotAnonymised,
    StoreError,
    described,
)
from echonode.log import get_logger, place_of
from echonode.model.instance import StoredInstance
from echonode.store.values import DeliveryJob

log = get_logger(__name__)


class Lane:
    """Sends on one association; for one thread, but for what AssociationHolder allows to any."""

    def __init__(
        self,
        holder: AssociationHolder,
        *,
        storage_scu: StorageSCU,
        outcomes: OutcomeHandler,
        health: DestinationHealth,
    ) -> None:
        self.holder = holder
        self._storage_scu = storage_scu
        self._outcomes = outcomes
        self._health = health

    def send(self, job: DeliveryJob, upcoming: Sequence[StoredInstance]) -> None:
        """Send `job` and handle its outcome; a failure may leave the destination paused.

        upcoming: what will follow on this lane; its contexts are negotiated together. Raises what
        AssociationHolder.get raises of the network and the store, with nothing sent, and StoreError
        where the outcome cannot be written.
        """
        try:
            held = self.holder.get([job.instance, *upcoming])
        except ContextNotAccepted as error:
            self._outcomes.settle(job, after_refused_contexts(error))
        except (NetworkError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # the border of one instance
            self._health.fault = f"no association can be opened: {described(error)}"
            self._failed(job, error, is_of_instance=False)
        else:
            self._send_on(held, job)

    def _send_on(self, held: HeldAssociation, job: DeliveryJob) -> None:
        outcomes = self._outcomes
        try:
            outcome = self._storage_scu.send(held.association, held.negotiated, job.instance)
        except ContextNotAccepted as error:
            outcomes.settle(job, after_refused_contexts(error))
        except NotAnonymised as error:
            outcomes.settle(job, after_not_anonymised(error))
        except InvalidObject as error:
            outcomes.settle(job, after_unreadable(error))
        except Damaged as error:
            self._drop_if_ended(held)
            outcomes.settle(job, after_damage(error))
        except NetworkError as error:
            self.holder.drop()
            outcomes.lost(job, error)
        except (OSError, MemoryError, StoreError) as error:
            # Our disk or memory failed: the instance is not to blame.
            self._drop_if_ended(held)
            outcomes.failed_here(job, error, is_of_instance=False)
        except Exception as error:  # noqa: BLE001  # the border of one instance
            self._failed(job, error, is_of_instance=True)
        else:
            self.holder.touch()
            outcomes.answered(job, outcome)

    def _drop_if_ended(self, held: HeldAssociation) -> None:
        """Where half a message was sent: nothing can follow it."""
        if not held.association.is_open:
            self.holder.drop()

    def _failed(self, job: DeliveryJob, error: Exception, *, is_of_instance: bool) -> None:
        """An unexpected error: the state of the association is unknown, so it is dropped."""
        self.holder.drop()
        log.error(
            "delivery_failed",
            sop_instance_uid=job.instance.sop_instance_uid,
            error=type(error).__name__,
            where=place_of(error),
        )
        self._outcomes.failed_here(job, error, is_of_instance=is_of_instance)

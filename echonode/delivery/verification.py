"""Proof for archives without storage commitment: a C-FIND for each instance.

Rules
- An instance counts as found where an answer at IMAGE level has its SOP Instance UID (PS3.4
  C.6.2.1). An archive that ignores a key answers with other instances too.
- Archives index after they have answered the C-STORE. An instance is missing only when it is
  still absent after the last of ABSENT_DELAYS_S; then it is sent again.
- An error that the query for one instance raises is a failure of that instance: it is queried for
  later, after the others; also where the archive ends the association at it.
- An instance that was missing MISSING_BEFORE_HOLD times is held: sending it again will not help.
"""

from __future__ import annotations

from collections import Counter

from pydicom.dataset import Dataset

from echonode.delivery.association_holder import AssociationHolder
from echonode.delivery.context import DestinationContext
from echonode.delivery.ports import StorageAssociation
from echonode.errors import AssociationLost, ContextNotAccepted, DimseFailure, described
from echonode.log import get_logger, place_of
from echonode.model.backoff import Doubling
from echonode.model.criteria import Root
from echonode.model.delivery import DeliveryEvent
from echonode.model.status import SUCCESS, StatusKind, kind_of
from echonode.store.values import DeliveryJob

ABSENT_DELAYS_S = (1.0, 5.0, 30.0, 120.0)
MISSING_BEFORE_HOLD = 3
_AFTER_LOSS_S = 2.0
_LONGEST_S = 3600.0
_BATCH = 1000  # instances in one round
_MISSING = "the archive answered success and does not have it"

log = get_logger(__name__)


def image_identifier(job: DeliveryJob) -> Dataset:
    """The IMAGE-level identifier for what was sent, with the unique keys of all levels above."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    # A lossy copy is in the series of its original; an anonymised one in a series of its own.
    study, series = job.sent_in
    identifier.StudyInstanceUID = study
    identifier.SeriesInstanceUID = series
    identifier.SOPInstanceUID = job.sent_as.sop_instance_uid
    return identifier


def is_found(association: StorageAssociation, job: DeliveryJob) -> bool | None:
    """Whether the archive finds what was sent for `job`; None where its query failed.

    Raises AssociationLost, ContextNotAccepted, DimseFailure.
    """
    found = False
    status = None
    for status, answer in association.c_find(Root.STUDY, image_identifier(job)):
        if kind_of(status) is StatusKind.PENDING and answer is not None:
            found |= answer.get("SOPInstanceUID") == job.sent_as.sop_instance_uid
    return found if found or status == SUCCESS else None


class Verification:
    """Queries for what was sent, on the worker's thread; keeps in memory when to query again."""

    problem = ""

    def __init__(self, context: DestinationContext, *, query_failed_s: float = 30.0) -> None:
        """query_failed_s: how long to wait after the archive could not answer a query."""
        self._destination = context.destination
        self._store = context.store
        self._now = context.now
        self._monotonic = context.monotonic
        self._query_failed_s = query_failed_s
        self._absences: Counter[int] = Counter()
        self._misses: Counter[int] = Counter()
        self._failures: Counter[int] = Counter()  # queries without an answer
        self._query_again_at: dict[int, float] = {}

    def request_proof(self, holder: AssociationHolder) -> float | None:
        """Query for all that is due. Returns the seconds until more is; None: nothing is open.

        Raises what AssociationHolder.get raises, and AssociationLost.
        """
        jobs = self._store.sent(self._destination.name, limit=_BATCH, now=self._now())
        for job in jobs:
            if self._due_s(job) <= 0:
                self._query(holder, job)
        waits = [self._due_s(job) for job in jobs if job.id in self._query_again_at]
        # Behind a full batch there may be more: look again at once.
        return 0.0 if len(jobs) == _BATCH and not waits else min(waits, default=None)

    def _due_s(self, job: DeliveryJob) -> float:
        due_at = self._query_again_at.get(job.id)
        return 0.0 if due_at is None else max(0.0, due_at - self._monotonic())

    def _query(self, holder: AssociationHolder, job: DeliveryJob) -> None:
        association = holder.get().association
        found, again_s = None, self._query_failed_s
        try:
            with holder.expendable():
                found = is_found(association, job)
        except AssociationLost:
            # The others go first: this query may be what makes the archive end the association.
            self._query_again_at[job.id] = self._monotonic() + self._backed_off_s(
                job, _AFTER_LOSS_S
            )
            raise
        except (ContextNotAccepted, DimseFailure) as error:
            log.error("verification_failed", destination=self._destination.name, reason=str(error))
            again_s = self._query_failed_s
        except Exception as error:  # noqa: BLE001  # the border of one instance
            log.error(
                "verification_failed",
                sop_instance_uid=job.instance.sop_instance_uid,
                destination=self._destination.name,
                error=described(error),
                where=place_of(error),
            )
            again_s = self._backed_off_s(job, self._query_failed_s)
        holder.touch()
        if found is None:
            self._query_again_at[job.id] = self._monotonic() + again_s
        elif found:
            self._settle(job, DeliveryEvent.FOUND, "instance_verified", job.proof_remark)
        else:
            self._absent(job)

    def _backed_off_s(self, job: DeliveryJob, first_s: float) -> float:
        """The delay after one more query without an answer, twice as long each time."""
        failures = self._failures[job.id]
        self._failures[job.id] += 1
        backoff = Doubling(first_s=first_s, cap_s=_LONGEST_S, jitter=0.0)
        return backoff.delay_s(failures, lambda: 0.0)

    def _absent(self, job: DeliveryJob) -> None:
        absences = self._absences[job.id]
        if absences < len(ABSENT_DELAYS_S):
            self._absences[job.id] += 1
            self._query_again_at[job.id] = self._monotonic() + ABSENT_DELAYS_S[absences]
            return
        self._misses[job.id] += 1
        if self._misses[job.id] < MISSING_BEFORE_HOLD:
            self._settle(job, DeliveryEvent.MISSING, "job_retried", _MISSING)
        else:
            self._settle(job, DeliveryEvent.HOLD, "job_held", _MISSING)

    def _settle(
        self, job: DeliveryJob, event: DeliveryEvent, log_event: str, reason: str = ""
    ) -> None:
        self._store.record_attempt(job.id, event, now=self._now(), error=reason)
        self._absences.pop(job.id, None)
        self._query_again_at.pop(job.id, None)
        self._failures.pop(job.id, None)
        if event is not DeliveryEvent.MISSING:
            self._misses.pop(job.id, None)
        log.info(
            log_event,
            sop_instance_uid=job.instance.sop_instance_uid,
            destination=self._destination.name,
            ae_title=self._destination.peer.ae_title,
            reason=reason,
        )

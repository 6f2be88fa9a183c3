"""The progress of a retrieval: its counts, its failed list and the log line at its end.

A sub-operation is completed (0000), a warning (Bxxx, or one of PS3.7 C.4) or failed (any other
status, or nothing could be sent), and counts once (PS3.4 C.4.2.1.6 to C.4.2.1.9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from echonode.dimse.services import SubOperations
from echonode.errors import DimseFailure, StoreError
from echonode.log import get_logger
from echonode.model.criteria import Selection
from echonode.model.identity import Peer
from echonode.model.instance import StoredInstance
from echonode.model.status import CANNOT_CALCULATE_MATCHES, StatusKind, kind_of

log = get_logger(__name__)


@dataclass
class Tally:
    """Counts of a retrieval; `remaining` begins as the number of its instances.

    fault: the last reason why an instance was not sent, for the log; '' where there is none.
    """

    remaining: int
    completed: int = 0
    warning: int = 0
    failed: list[str] = field(default_factory=list)
    fault: str = ""

    def count(self, instance: StoredInstance, status: int) -> SubOperations:
        """Count a sub-operation by the status it was answered with."""
        match kind_of(status):
            case StatusKind.SUCCESS:
                self.completed += 1
            case StatusKind.WARNING:
                self.warning += 1
            case _:
                return self.fail([instance], f"0x{status:04X}")
        self.remaining -= 1
        return self.snapshot()

    def fail(self, instances: Iterable[StoredInstance], fault: str) -> SubOperations:
        """Count instances that were not stored there, and why."""
        uids = [instance.sop_instance_uid for instance in instances]
        self.remaining -= len(uids)
        self.failed += uids
        self.fault = fault
        return self.snapshot()

    def snapshot(self) -> SubOperations:
        """The counts for a response."""
        return SubOperations(
            remaining=self.remaining,
            completed=self.completed,
            failed=len(self.failed),
            warning=self.warning,
            failed_sop_instance_uids=tuple(self.failed),
        )


def find_instances(
    select: Callable[[Selection], Iterable[StoredInstance]], selection: Selection
) -> list[StoredInstance]:
    """The instances to send, all of them: the first response says how many remain.

    Raises DimseFailure A701 when the store cannot tell.
    """
    try:
        return list(select(selection))
    except StoreError as fault:
        raise DimseFailure(CANNOT_CALCULATE_MATCHES, "the index cannot be read") from fault


@contextmanager
def logged(
    service: str,
    caller: Peer,
    tally: Tally,
    *,
    monotonic: Callable[[], float],
    move_destination: str = "",
) -> Iterator[None]:
    """Log `retrieve_finished` when the block ends, also by an error; `remaining` were not begun."""
    began = monotonic()
    try:
        yield
    finally:
        log.info(
            "retrieve_finished",
            service=service,
            ae_title=caller.ae_title,
            move_destination=move_destination,
            completed=tally.completed,
            warning=tally.warning,
            failed=len(tally.failed),
            remaining=tally.remaining,
            fault=tally.fault,
            milliseconds=round((monotonic() - began) * 1000, 1),
        )

"""What an archive has seen and has: for its scripts, for a judge, and for a test that waits."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from echonode.commands.lying_pacs.association_wire import Request
from echonode.commands.lying_pacs.commitment_wire import Item, Report
from echonode.commands.lying_pacs.script import (
    SUCCESS,
    Accepts,
    Arrival,
    Asked,
    Caller,
    Commit,
    Greet,
    Greeting,
    Promise,
    Store,
    StoreAnswer,
    Way,
    everything,
    reporting,
    stores,
    welcomes,
)

# What is remembered of each kind, of a sender that never stops: some 300 MB of the largest.
_MOST_NOTED = 1_000_000


class Notes(Protocol):
    """Where an archive writes down what counts, for a judge."""

    def write(self, kind: str, **fields: Any) -> None:
        """Add a line; on return it is kept."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An instance that the archive has. dataset: None unless datasets are kept."""

    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str
    dataset: bytes | None


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A report that went out, and what the node answered; None where nothing came."""

    report: Report
    way: Way
    status: int | None


class ArchiveRecord(ABC):
    """The scripts in force, and what they met. Thread-safe.

    tell: is called with each event, on the thread on which it happens.
    """

    def __init__(
        self,
        book: Notes | None,
        *,
        keep_datasets: bool,
        tell: Callable[[str, dict[str, Any]], None] | None,
    ) -> None:
        self.book: Any = book  # of the caller's own class
        self.greets: Greet = welcomes
        self.accepts: Accepts = everything
        self.store: Store = stores
        self.commit: Commit = reporting()
        self.finds: Callable[[str], bool] = lambda sop_instance_uid: sop_instance_uid in self.kept
        self.find_status = SUCCESS
        self.releases = True
        self.keeps_datasets = keep_datasets
        self.kept: dict[str, Kept] = {}
        self.arrivals: list[Arrival] = []
        self.asked: list[Asked] = []
        self.reported: list[Reported] = []
        self._tell = tell
        self._began = time.monotonic()
        self._numbers = Counter[str]()  # of callers and arrivals
        self._over = threading.Event()
        self._changed = threading.Condition()

    @abstractmethod
    def report_apart(
        self, promised: list[tuple[Way, Report]], *, delay_s: float = 0.0, called: str = ""
    ) -> None:
        """Each on an association of its own, one after the other, while this one goes on."""

    def wait_for_end(self, seconds: float | None = None) -> None:
        """So long, or until the archive is closed; None: until then."""
        self._over.wait(seconds)

    # --- what a test waits for ---

    def wait(self, condition: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> None:
        """Until something that the archive saw makes `condition` true. Raises AssertionError."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"not within {timeout_s:g} s: {what}"
                self._changed.wait(left_s)

    def wait_asked(self, count: int, *, timeout_s: float = 60.0) -> list[Asked]:
        """All requests for commitment so far, once there are so many."""
        self.wait(lambda: len(self.asked) >= count, f"{count} requests", timeout_s=timeout_s)
        return list(self.asked)

    def asked_for(self, sop_instance_uid: str) -> list[Asked]:
        """The requests so far that name an instance."""
        with self._changed:
            asked = list(self.asked)
        return [a for a in asked if sop_instance_uid in {i.sop_instance_uid for i in a.items}]

    def wait_reported(self, count: int, *, timeout_s: float = 60.0) -> list[Reported]:
        """All reports so far, once so many are answered or lost."""
        self.wait(lambda: len(self.reported) >= count, f"{count} reports", timeout_s=timeout_s)
        return list(self.reported)

    # --- what its associations tell ---

    def tell(self, kind: str, **fields: Any) -> None:
        """An event, for the program that runs the archive."""
        if self._tell is not None:
            self._tell(kind, fields)

    def called(self, request: Request) -> Greeting:
        """An A-ASSOCIATE-RQ: what is to become of it."""
        with self._changed:
            self._numbers["callers"] += 1
            caller = Caller(
                calling_ae_title=request.calling,
                called_ae_title=request.called,
                number=self._numbers["callers"],
                age_s=time.monotonic() - self._began,
            )
        return self.greets(caller)

    def arrived(
        self, *, uids: tuple[str, str], transfer_syntax_uid: str, calling: str, earlier: int
    ) -> tuple[Arrival, StoreAnswer]:
        """A C-STORE-RQ: what is to become of it. uids: class, instance."""
        with self._changed:
            self._numbers["arrivals"] += 1
            arrival = Arrival(
                sop_class_uid=uids[0],
                sop_instance_uid=uids[1],
                transfer_syntax_uid=transfer_syntax_uid,
                calling_ae_title=calling,
                number=self._numbers["arrivals"],
                of_association=earlier + 1,
                age_s=time.monotonic() - self._began,
            )
            _note(self.arrivals, arrival)
            self._changed.notify_all()
        return arrival, self.store(arrival)

    def keep(self, arrival: Arrival, sha256: str, dataset: bytes, status: int | None) -> None:
        """It has the instance from now on."""
        kept = Kept(
            sop_class_uid=arrival.sop_class_uid,
            transfer_syntax_uid=arrival.transfer_syntax_uid,
            sha256=sha256,
            dataset=dataset if self.keeps_datasets else None,
        )
        self._write("kept", uid=arrival.sop_instance_uid, sha256=sha256, status=status)
        with self._changed:
            self.kept[arrival.sop_instance_uid] = kept
            self._changed.notify_all()

    def was_asked(
        self, transaction_uid: str, items: tuple[Item, ...], calling: str
    ) -> tuple[Asked, Promise]:
        """An N-ACTION-RQ: what is to become of it."""
        uids = [item.sop_instance_uid for item in items]
        self._write("asked", transaction=transaction_uid, uids=uids)
        with self._changed:
            asked = Asked(
                transaction_uid=transaction_uid,
                items=items,
                calling_ae_title=calling,
                held=frozenset(self.kept.keys() & set(uids)),
                earlier=self.asked[-1].items if self.asked else (),
            )
            _note(self.asked, asked)
            self._changed.notify_all()
        return asked, self.commit(asked)

    def note_reported(self, report: Report, way: Way, status: int | None) -> None:
        """A report is through."""
        committed = [item.sop_instance_uid for item in report.committed]
        failed = [item.sop_instance_uid for item, _ in report.failed]
        self._write(
            "reported",
            transaction=report.transaction_uid,
            committed=committed,
            failed=failed,
            status=status,
        )
        self.tell(
            "reported",
            transaction=report.transaction_uid,
            committed=len(committed),
            failed=len(failed),
            way=way.value,
            status=status,
        )
        with self._changed:
            _note(self.reported, Reported(report=report, way=way, status=status))
            self._changed.notify_all()

    def _write(self, kind: str, **fields: Any) -> None:
        if self.book is not None:
            self.book.write(kind, **fields)


def _note(notes: list[Any], value: object) -> None:
    if len(notes) < _MOST_NOTED:
        notes.append(value)

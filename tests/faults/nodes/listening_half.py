"""The delivering half of a node that takes reports at a port of its own, in the test's own time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.services import Services
from echonode.errors import DimseFailure
from echonode.model.identity import CommitmentPolicy, Peer, Service
from tests.faults.judging.books import Book
from tests.faults.nodes.delivering_half import PACS, DeliveringHalf
from tests.faults.nodes.set_clock import SetClock

LOOK_APART_S = 60.0
_KEEP_S = 30.0  # shorter than between two looks: what is proved at one look goes at the next


class ListeningHalf(DeliveringHalf):
    """Delivers to `archive`, by policy `required`, and keeps nothing longer than it must."""

    def __init__(self, folder: Path, archive: LyingArchive, *, clock: SetClock, book: Book) -> None:
        super().__init__(
            folder,
            archive.port,
            clock=clock,
            commitment=CommitmentPolicy.REQUIRED,
            keep_s=_KEEP_S,
            book=book,
        )
        may = frozenset({Service.COMMIT})
        peer = Peer(
            name=PACS, ae_title=archive.ae_title, host="127.0.0.1", port=archive.port, may=may
        )
        self._acceptor = Acceptor(
            ae_title="ECHONODE",
            listeners=[ListenerAddress(host="127.0.0.1", port=0)],
            peers=[peer],
            services=replace(_NOTHING, commit_report=self._report_scp()),
        )
        self._closed = False
        self._acceptor.start()
        [(_, archive.node_port)] = self._acceptor.addresses

    def tidy(self) -> None:
        """Retention looks, and looks again when what it saw may go."""
        for _ in range(2):
            self.clock.go(LOOK_APART_S)
            self.housekeeping.look()

    def live_and_tidy(self, seconds: float, *, every_s: float = 3600.0) -> None:
        """Time passes, and retention looks once in a while."""
        until = self.clock.passed_s + seconds
        while self.clock.passed_s < until:
            self.live(min(every_s, until - self.clock.passed_s))
            self.tidy()

    def has(self, sop_instance_uid: str) -> bool:
        """Whether the instance is here: in the index, and its file on the disk."""
        instance = self.store.index.instance(sop_instance_uid)
        return instance is not None and instance.path.is_file()

    def close(self) -> None:
        """As an orderly stop does; harmless a second time."""
        if not self._closed:
            self._closed = True
            self._acceptor.stop(5.0)
            super().close()


def _refuse(*_: Any) -> NoReturn:
    raise DimseFailure(0x0211, "Operation not supported")


def _refuse_all(*_: Any) -> Iterator[Any]:
    return _refuse()


_NOTHING = Services(
    open_incoming=_refuse,
    store=_refuse,
    find=_refuse_all,
    move=_refuse_all,
    get=_refuse_all,
    commit_request=_refuse,
    commit_report=_refuse,
)

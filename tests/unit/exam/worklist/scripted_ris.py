"""A RIS at our own port: answers as a test scripts them, and what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydicom.dataset import Dataset

from echonode.errors import AssociationLost, NetworkError
from echonode.exam.worklist.refused_keys import RefusedKeys
from echonode.exam.worklist.scu import WorklistLimits, WorklistSCU
from echonode.model.identity import Peer
from tests.support.memory_key_value import MemoryKeyValue
from tests.unit.exam.worklist.answers import answer, received

RIS = Peer(name="ris", ae_title="RIS", host="127.0.0.1", port=104, may=frozenset())
NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)


def keywords_of(identifier: Dataset) -> set[str]:
    """The keys of a query."""
    return {element.keyword for element in identifier.iterall()}


@dataclass(eq=False)
class ScriptedRis:
    """Answers each query with `answers`; refuses keys with `status`, or aborts without one.

    fails: raised instead of an association.
    """

    answers: list[Dataset | None] = field(default_factory=list)
    refuses: frozenset[str] = frozenset()
    status: int | None = 0xA900
    fails: NetworkError | None = None
    queries: list[Dataset] = field(default_factory=list)
    cancelled: int = 0
    released: int = 0
    aborted: int = 0
    final: int = 0x0000
    before_answer: Callable[[], None] = lambda: None

    def associate(self, peer: Peer, contexts: Sequence[object]) -> ScriptedRis:
        if self.fails is not None:
            raise self.fails
        return self

    def c_find_worklist(
        self, identifier: Dataset
    ) -> Generator[tuple[int, Dataset | None], None, None]:
        self.queries.append(identifier)
        if keywords_of(identifier) & self.refuses:
            if self.status is None:
                raise AssociationLost("aborted", by_peer=True)
            yield self.status, None
            return
        try:
            for dataset in self.answers:
                self.before_answer()
                yield 0xFF00, None if dataset is None else received(dataset)
        except GeneratorExit:
            self.cancelled += 1
            raise
        yield self.final, None

    def release(self) -> None:
        self.released += 1

    def abort(self) -> None:
        self.aborted += 1

    def break_off(self) -> None:
        self.aborted += 1


def many(count: int, **values: object) -> list[Dataset | None]:
    """So many answers of different orders."""
    return [answer(AccessionNumber=f"A{number}", **values) for number in range(count)]


def scu_of(
    ris: ScriptedRis, notes: MemoryKeyValue | None = None, *, limits: WorklistLimits | None = None
) -> WorklistSCU:
    return WorklistSCU(
        associate=ris.associate,  # type: ignore[arg-type]  # the part of an association that is used
        peer=RIS,
        refused_keys=RefusedKeys(notes or MemoryKeyValue(), "ris", now=lambda: NOW),
        now=lambda: NOW,
        limits=limits,
    )

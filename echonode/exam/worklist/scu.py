"""Asking a RIS for its worklist (PS3.4 annex K, service class user).

Rules
- One answer's failure is that answer's failure: what cannot be parsed, or is no item, is counted
  with its reason, and the others go on.
- A query that is refused before its first answer is asked again without the keys at fault
  (refused_keys.py). Where that is not why, the refusal is raised.
- What a server can make us keep and wait for is bounded (WorklistLimits). What is beyond is
  counted, and said; a server that goes on and on is cancelled.
- Thread-safe: the refresh and a person's search may ask at the same time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydicom.dataset import Dataset

from echonode.dimse.contexts import WORKLIST, ProposedContext
from echonode.dimse.requested_association import RequestedAssociation
from echonode.errors import AssociationLost, InvalidObject, QueryRefused
from echonode.exam.worklist.answers import items_of
from echonode.exam.worklist.character_sets import assume
from echonode.exam.worklist.query import OPTIONAL_KEYS, WorklistQuery, identifier
from echonode.exam.worklist.refused_keys import RefusedKeys, refused_among
from echonode.log import get_logger
from echonode.model.identity import Peer
from echonode.model.status import (
    NOT_AUTHORISED,
    OUT_OF_RESOURCES,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    StatusKind,
    kind_of,
)
from echonode.model.worklist_item import WorklistItem

log = get_logger(__name__)

# Not for the sake of a key: out of resources, class not supported, not authorised (PS3.4 K.4.1.1.4,
# PS3.7 annex C).
_NOT_ABOUT_KEYS = frozenset({OUT_OF_RESOURCES, SOP_CLASS_NOT_SUPPORTED, NOT_AUTHORISED})
UNREADABLE = "the answer cannot be parsed"


class Associate(Protocol):
    """Opens an association (dimse.requestor.Requestor.associate)."""

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> RequestedAssociation:
        """Raises NetworkError."""


@dataclass(frozen=True, kw_only=True)
class WorklistLimits:
    """What one query may take of us, each with its reason."""

    # A large department has some hundred a day; no person reads a longer list.
    items: int = 5_000
    # Answers that are counted beyond that, so that the excess can be said.
    answers: int = 20_000
    # Text of all items: 5,000 full ones take some 10 MiB.
    text_bytes: int = 32 * 1024**2
    # A server that answers one item a second would hold the list back for an hour.
    seconds: float = 120.0
    # A person's search: one who gets more than this types more of the name.
    search_items: int = 200


@dataclass(kw_only=True)
class Tally:
    """What came of one query, beyond its items.

    unusable: reason -> how many answers were no items. excess: answers beyond the limits; more:
    there may be others, for the query was broken off.
    """

    items: int = 0
    answers: int = 0
    text_bytes: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    excess: int = 0
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """All items of a query; left_out: the keys that it was asked without."""

    items: tuple[WorklistItem, ...]
    unusable: Mapping[str, int]
    excess: int
    more: bool
    left_out: tuple[str, ...]


class WorklistSCU:
    """Asks one peer. character_set: of answers that declare none; '' refuses text beyond ASCII."""

    def __init__(
        self,
        *,
        associate: Associate,
        peer: Peer,
        refused_keys: RefusedKeys,
        now: Callable[[], datetime],
        character_set: str = "",
        monotonic: Callable[[], float] = time.monotonic,
        limits: WorklistLimits | None = None,
    ) -> None:
        self._associate = associate
        self.peer = peer
        self._refused_keys = refused_keys
        self._now = now
        self._character_set = character_set
        self._monotonic = monotonic
        self._limits = limits or WorklistLimits()
        self._open: set[RequestedAssociation] = set()
        self._lock = threading.Lock()
        self._ended = False

    def fetch(self, query: WorklistQuery) -> Fetched:
        """Every item that matches. Raises NetworkError (of a failure: QueryRefused), StoreError.

        An item that is answered twice counts once.
        """
        tally = Tally()
        found = {item.id: item for item in self._items(query, tally, self._limits.items)}
        return Fetched(
            items=tuple(found.values()),
            unusable=dict(tally.unusable),
            excess=tally.excess,
            more=tally.more,
            left_out=tuple(sorted(self._refused_keys.left_out())),
        )

    def search(self, query: WorklistQuery, tally: Tally | None = None) -> Iterator[WorklistItem]:
        """Items as they are answered, at most `search_items`. Raises as `fetch`.

        tally: counts on; at the end it says whether there may be others. Closing the iterator
        cancels the query.
        """
        return self._items(query, tally or Tally(), self._limits.search_items)

    def break_off(self) -> None:
        """End what is under way, and let nothing else begin: the node stops."""
        with self._lock:
            self._ended = True
            under_way = list(self._open)
        for association in under_way:
            association.break_off()

    # --- one query, and what is made of its answers ---

    def _items(self, query: WorklistQuery, tally: Tally, most: int) -> Iterator[WorklistItem]:
        deadline = self._monotonic() + self._limits.seconds
        answers = self._answers(query)
        try:
            for answer in answers:
                tally.answers += 1
                full = tally.items >= most or tally.text_bytes > self._limits.text_bytes
                if full:
                    tally.excess += 1
                else:
                    for item in self._made_of(answer, query, tally):
                        tally.items += 1
                        yield item
                late = self._monotonic() > deadline
                if (
                    late
                    or tally.answers >= self._limits.answers
                    or (full and most == self._limits.search_items)
                ):
                    tally.more = True
                    return
        finally:
            answers.close()

    def _made_of(
        self, answer: Dataset | None, query: WorklistQuery, tally: Tally
    ) -> Sequence[WorklistItem]:
        if answer is None:
            tally.unusable[UNREADABLE] += 1
            return ()
        tally.text_bytes += _text_bytes(answer)
        try:
            assume(answer, self._character_set)
            return items_of(answer, source_name=self.peer.name, fetched_at=self._now(), asked=query)
        except InvalidObject as error:
            tally.unusable[str(error)] += 1
        except Exception as error:  # noqa: BLE001  # the border of one answer
            tally.unusable[f"this node failed to read it: {type(error).__name__}"] += 1
        return ()

    def _answers(self, query: WorklistQuery) -> Generator[Dataset | None, None, None]:
        """Each Pending answer's dataset; None of one that cannot be parsed."""
        begun = False
        try:
            for dataset in self._asked(query, self._refused_keys.left_out()):
                begun = True
                yield dataset
            return
        except (QueryRefused, AssociationLost) as error:
            if begun or not _may_be_for_a_key(error):
                raise
            left_out = self._learn(query, error)
        yield from self._asked(query, left_out)

    def _asked(
        self, query: WorklistQuery, left_out: frozenset[str]
    ) -> Generator[Dataset | None, None, None]:
        """Raises QueryRefused where the final status is a failure. Closing it cancels."""
        association = self._opened()
        answers = association.c_find_worklist(identifier(query, left_out))
        try:
            for status, dataset in answers:
                if kind_of(status) is StatusKind.PENDING:
                    yield dataset
                elif status != SUCCESS:
                    raise QueryRefused(status)
        except AssociationLost:
            association.abort()
            raise
        finally:
            answers.close()
            association.release()
            with self._lock:
                self._open.discard(association)

    def _opened(self) -> RequestedAssociation:
        association = self._associate(self.peer, (WORKLIST,))
        with self._lock:
            self._open.add(association)
            ended = self._ended
        if ended:
            association.break_off()
        return association

    # --- which keys are at fault ---

    def _learn(
        self, query: WorklistQuery, refusal: QueryRefused | AssociationLost
    ) -> frozenset[str]:
        """The keys to leave out; raises the refusal where it is not for their sake."""
        if not self._accepts(query, ()):
            raise refusal
        refused = refused_among(OPTIONAL_KEYS, lambda keys: self._accepts(query, keys))
        self._refused_keys.remember(refused)
        log.warning(
            "worklist_keys_left_out", peer=self.peer.name, keys=sorted(refused), reason=str(refusal)
        )
        return refused

    def _accepts(self, query: WorklistQuery, keys: Sequence[str]) -> bool:
        """Whether the query with these optional keys is served: its first answer says so."""
        left_out = frozenset(OPTIONAL_KEYS) - set(keys)
        answers = self._asked(query, left_out)
        try:
            next(answers, None)
        except QueryRefused:
            return False
        except AssociationLost as error:
            if not error.by_peer:
                raise
            return False
        finally:
            answers.close()
        return True


def _may_be_for_a_key(error: QueryRefused | AssociationLost) -> bool:
    if isinstance(error, QueryRefused):
        return error.status not in _NOT_ABOUT_KEYS
    return error.by_peer


def _text_bytes(answer: Dataset) -> int:
    return sum(len(str(element.value)) for element in answer.iterall() if element.VR != "SQ")

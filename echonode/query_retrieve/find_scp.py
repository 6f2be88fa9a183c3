"""The C-FIND SCP: a request's identifier to rows of the index to answers (PS3.4 C.4.1.3).

Rules
- Nothing is collected: each row that matches is sent before the next is read, so an answer set of
  any size takes no memory. The store's cursor is closed however the query ends.
- The store narrows and this decides: SQL gives at least all rows that match, and `matching` selects
  those that do.
- Keys that the index does not hold are matched last, from the row's file (file_values.py).
- C-CANCEL is checked before each candidate row, so also while nothing matches.
- One line is logged a query: who, what level, how many answers, how long; never a key.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager

from echonode.dimse.services import FindAnswer, FindRequest
from echonode.errors import DimseFailure
from echonode.log import get_logger
from echonode.model.criteria import Query
from echonode.model.status import OUT_OF_RESOURCES
from echonode.query_retrieve.answer import AnswerWriter
from echonode.query_retrieve.file_values import FileRows, ReadFile
from echonode.query_retrieve.identifier import FindIdentifier, read_identifier
from echonode.query_retrieve.matching import StoredValue
from echonode.query_retrieve.row_matching import compile_row_test, narrowable

log = get_logger(__name__)

Row = Mapping[str, str]


# Each running query holds a cursor of the database. A viewer that opens a work list asks a handful
# at once; one that asks hundreds at once would keep all others waiting.
QUERIES_AT_ONCE_PER_PEER = 16


class FindSCP:
    """Answers C-FIND requests; one serves all associations."""

    def __init__(
        self,
        find: Callable[[Query], Iterable[Row]],
        *,
        ae_title: str,
        read_file: ReadFile | None = None,
        queries_at_once_per_peer: int = QUERIES_AT_ONCE_PER_PEER,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`find` gives at least the rows that match a query, lazily; `ae_title` is our own.

        read_file: reads the keys that the index does not hold; without it they are unsupported.
        """
        self._find = find
        self._read_file = read_file
        self._ae_title = ae_title
        self._places = _Places(queries_at_once_per_peer)
        self._monotonic = monotonic

    def __call__(self, request: FindRequest) -> Iterator[FindAnswer]:
        """The answers to `request`, until C-CANCEL.

        Raises DimseFailure A900 for an identifier that does not fit, A700 when the peer has too
        many queries running; both before the first answer.
        """
        asked = read_identifier(
            request.identifier,
            root=request.root,
            relational=request.relational or request.caller.relational,
            files=self._read_file is not None,
        )
        with self._places.taken(request.caller.ae_title):
            yield from self._answers(request, asked)

    def _answers(self, request: FindRequest, asked: FindIdentifier) -> Iterator[FindAnswer]:
        began, answers, complete = self._monotonic(), 0, False
        matches = compile_row_test(
            asked,
            combined_date_time=request.combined_date_time,
            fuzzy_names=request.fuzzy_names,
        )
        writer = AnswerWriter(
            asked, ae_title=self._ae_title, transfer_syntax_uid=request.transfer_syntax_uid
        )
        files = FileRows(asked, self._read_file) if self._read_file and asked.from_files else None
        rows = self._find(narrowable(asked.query, fuzzy_names=request.fuzzy_names))
        try:
            for row in rows:
                if request.cancelled():
                    return
                if not matches(row):
                    continue
                values: Mapping[str, StoredValue] = row
                supported = True
                if files is not None:
                    completed = files.complete(row)
                    if completed is None:
                        continue
                    values, supported = completed.values, completed.supported
                answers += 1
                yield FindAnswer(
                    identifier=writer.write(values),
                    unsupported_keys=writer.unsupported_keys or not supported,
                )
            complete = True
        finally:
            if isinstance(rows, Generator):
                rows.close()
            log.info(
                "query_answered",
                ae_title=request.caller.ae_title,
                query_retrieve_level=asked.query.level,
                answers=answers,
                complete=complete,
                files_read=files.files_read if files else 0,
                milliseconds=round((self._monotonic() - began) * 1000, 1),
            )


class _Places:
    """How many queries each peer has running."""

    def __init__(self, per_peer: int) -> None:
        self._per_peer = per_peer
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, ae_title: str) -> Iterator[None]:
        """Hold a place while the block runs. Raises DimseFailure A700 where none is free."""
        with self._lock:
            if self._taken[ae_title] >= self._per_peer:
                raise DimseFailure(OUT_OF_RESOURCES, "too many queries at once from this AE")
            self._taken[ae_title] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[ae_title] -= 1
                if not self._taken[ae_title]:
                    del self._taken[ae_title]

"""A JSON array leaves a row at a time, from one thread, and ends when the reader does."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from echonode.web.encoding import CHUNK_BYTES, Row, Rows, json_array


def collect(rows: Rows) -> list[bytes]:
    async def run() -> list[bytes]:
        return [chunk async for chunk in json_array(rows)]

    return asyncio.run(run())


@pytest.mark.parametrize("count", [0, 1, 2, 5000])
def test_any_number_of_rows_is_one_array(count: int) -> None:
    """What goes in comes out, in order, whatever the number."""
    rows = [{"number": number, "text": 'a"\\\n<script>é'} for number in range(count)]
    assert json.loads(b"".join(collect(lambda: rows))) == rows


def test_instants_are_iso_8601_and_nothing_is_null() -> None:
    """A datetime keeps its offset; what is not known yet is null."""
    at = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    (row,) = json.loads(b"".join(collect(lambda: [{"stored_at": at, "committed_at": None}])))
    assert row == {"stored_at": "2026-11-20T08:30:00+00:00", "committed_at": None}


def test_a_long_list_is_never_held_whole() -> None:
    """Memory is bounded by a chunk, not by the ledger."""
    chunks = collect(lambda: ({"text": "x" * 1000} for _ in range(1000)))
    assert len(chunks) > 10
    assert max(map(len, chunks)) < CHUNK_BYTES + 2000


@pytest.mark.slow
def test_rows_are_made_read_and_closed_in_one_thread() -> None:
    """A database connection behind the rows is never passed between threads."""
    touched_by: list[set[int]] = []

    def rows() -> Iterator[Row]:
        threads: set[int] = set()
        touched_by.append(threads)
        for number in range(3000):
            threads.add(threading.get_ident())
            yield {"number": number, "text": "x" * 100}
        threads.add(threading.get_ident())

    async def read() -> None:
        async for _ in json_array(rows):
            pass

    async def several_at_once() -> None:
        await asyncio.gather(*(read() for _ in range(6)))

    asyncio.run(several_at_once())
    assert len(touched_by) == 6
    assert [len(threads) for threads in touched_by] == [1] * 6
    assert threading.get_ident() not in set().union(*touched_by)


def test_when_the_reader_leaves_the_rows_are_closed_where_they_were_made() -> None:
    """A browser that closes its tab leaves no query open in the database."""
    threads: list[int] = []
    closed = threading.Event()

    def endless() -> Iterator[Row]:
        threads.append(threading.get_ident())
        try:
            for number in itertools.count():
                yield {"number": number}
        finally:
            threads.append(threading.get_ident())
            closed.set()

    held = endless()  # a reference of our own: it closes only when it is told to

    async def read_one() -> None:
        stream = json_array(lambda: held)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(read_one())
    assert closed.wait(5)
    assert threads[0] == threads[1]


def test_a_value_without_a_json_form_is_an_error() -> None:
    """Nothing is quietly turned into text that cannot be read back."""
    with pytest.raises(TypeError, match="no JSON form"):
        collect(lambda: [{"value": object()}])

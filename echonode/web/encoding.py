"""How values go out: a JSON array or lines of JSON, a row at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

Row = Mapping[str, object]
Rows = Callable[[], Iterable[Row]]

# Large enough that the thread hop costs nothing next to the rows, small enough to stream.
CHUNK_BYTES = 64 * 1024


def _default(value: object) -> str:
    """What JSON has no form for: instants, as ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _chunks(rows: Rows) -> Generator[bytes, None, None]:
    """The array's bytes, in pieces of CHUNK_BYTES or a little more."""
    iterator = iter(rows())
    piece = bytearray(b"[")
    separator = "\n"
    try:
        for row in iterator:
            piece += f"{separator}{json.dumps(row, default=_default)}".encode()
            separator = ",\n"
            if len(piece) >= CHUNK_BYTES:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece) + b"\n]\n"
    finally:
        if isinstance(iterator, Generator):
            iterator.close()


def _lines(rows: Rows) -> Generator[bytes, None, None]:
    """Each row as a line, at once."""
    iterator = iter(rows())
    try:
        for row in iterator:
            yield json.dumps(row, default=_default).encode() + b"\n"
    finally:
        if isinstance(iterator, Generator):
            iterator.close()


def json_array(rows: Rows) -> AsyncIterator[bytes]:
    """Stream what `rows` gives as one JSON array, without ever holding it whole.

    `rows` is called, iterated and closed in one thread of its own. When the client leaves, the
    iterator is closed early.
    """
    return from_own_thread(_chunks(rows))


def json_lines(rows: Rows) -> AsyncIterator[bytes]:
    """Stream what `rows` gives, a line for each row as it comes. Threads and end as json_array."""
    return from_own_thread(_lines(rows))


async def from_own_thread(chunks: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """Iterate and close `chunks`, none of them empty, in one thread of its own.

    A database connection behind it stays where it was made. When the client leaves, it is closed
    early.
    """
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web-rows")
    loop = asyncio.get_running_loop()
    try:
        while chunk := await loop.run_in_executor(thread, next, chunks, b""):
            yield chunk
    finally:
        thread.submit(chunks.close)
        thread.shutdown(wait=False)

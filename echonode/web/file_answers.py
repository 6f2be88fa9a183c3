"""Answers that hold pieces of files, as an application gives them to the server.

Where the server offers ASGI's extension `http.response.zerocopysend` (ASGI specification,
Extensions, Zero Copy Send), a piece of a plain file is named and not read: the server sends it.
Where it does not, as over TLS, the application gives bytes alone. In the extension's messages
`file` is a LaterFile, and `offset` and `count` are always there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from starlette.responses import StreamingResponse
from starlette.types import Scope, Send

ZERO_COPY_SEND: Final = "http.response.zerocopysend"


class LaterFile:
    """A file that is opened by the thread that sends the first of it. Any thread may call."""

    def __init__(self, path: Path, descriptor: int | None = None) -> None:
        """descriptor: of the file, where it is open; it is closed here."""
        self._path, self._descriptor = path, descriptor
        self._mutex = threading.Lock()
        self._is_closed = False

    def duplicate(self) -> int:
        """A descriptor of it, which the caller closes. Raises OSError; EOFError once it is closed.

        The file that the first call opened stays the same, also where its name goes away.
        """
        with self._mutex:
            if self._is_closed:
                raise EOFError("the answer is over")
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            return os.dup(self._descriptor)

    def close(self) -> None:
        """Descriptors that were given stay open."""
        with self._mutex:
            self._is_closed = True
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


@dataclass(frozen=True, kw_only=True)
class FilePiece:
    """`length` bytes of a file from `offset` on; not closed before the next piece is asked for."""

    file: LaterFile
    offset: int
    length: int


Body = AsyncGenerator[bytes | FilePiece, None]


def takes_file_pieces(scope: Scope) -> bool:
    """Whether the server sends pieces of files by itself to this caller."""
    return ZERO_COPY_SEND in scope.get("extensions", {})


class FileAnswer(StreamingResponse):
    """An answer of bytes and of pieces of files. Closes `body` when the caller leaves."""

    def __init__(
        self, body: Body, status_code: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        """Give pieces of files only where `takes_file_pieces`."""
        super().__init__(
            cast(AsyncIterator[bytes], body), status_code, headers, media_type=media_type
        )
        self._body = body

    async def stream_response(self, send: Send) -> None:
        """As StreamingResponse, which knows bytes alone."""
        start = {"type": "http.response.start", "status": self.status_code}
        async with aclosing(self._body) as pieces:
            await send({**start, "headers": self.raw_headers})
            async for piece in pieces:
                if isinstance(piece, FilePiece):
                    where = {"file": piece.file, "offset": piece.offset, "count": piece.length}
                    await send({"type": ZERO_COPY_SEND, **where, "more_body": True})
                else:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

"""Pieces of files to the network, without the event loop: ASGI's `http.response.zerocopysend`.

Rules
- It is offered on connections without TLS. The application names a file, an offset and a count; a
  thread opens, reads and sends them, so that a slow disk holds up no other connection.
- A thread sends for as long as the caller takes; where none is taken for PATIENCE_S it is given
  back, and the event loop waits for the caller.
- What was written before has left before a file's bytes follow.
- A turn of a thread has descriptors of its own: a connection or a file that is closed meanwhile
  cannot make it write to another one. It ends within PATIENCE_S once the connection is lost.
- Each turn reads into the same memory, which stays in the processor's cache, at a place where it is
  copied fast (at_rest/aligned_memory.py). sendfile(2) copies once less, and is slower to a caller
  on this machine, who then reads what is in no cache.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import select
import socket
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from echonode.at_rest.aligned_memory import ReadingRoom
from echonode.web.file_answers import ZERO_COPY_SEND, LaterFile

# Enough to keep the disk and the network busy; a caller that waits holds none.
THREADS: Final = 16
# Of a caller that takes nothing, before its thread is given back.
PATIENCE_S: Final = 0.02
# Read at once. Half of it and of twice NEAR_BYTES fit in a processor's own cache.
ROOM_BYTES: Final = 1024 * 1024
# The system's buffer of a caller on this machine, such as a proxy: what it has not read yet stays
# in the cache. To others the system finds out what the way between needs.
NEAR_BYTES: Final = 512 * 1024


def file_threads() -> ThreadPoolExecutor:
    """The threads that send for all connections of one server."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="web-files")


class Rooms:
    """Memory that files are read into: what was used last is used next."""

    def __init__(self) -> None:
        self._free: list[ReadingRoom] = []

    def take(self) -> ReadingRoom:
        """One of ROOM_BYTES, until `give_back`. Any thread may call."""
        try:
            return self._free.pop()
        except IndexError:
            return ReadingRoom(ROOM_BYTES)

    def give_back(self, room: ReadingRoom) -> None:
        """There are never more than threads that send."""
        self._free.append(room)


@dataclass(frozen=True, kw_only=True)
class SendingPool:
    """What the connections of one server send files with."""

    threads: Executor
    rooms: Rooms


class FileSending:
    """An application whose answers on one connection may hold pieces of files."""

    def __init__(self, app: ASGIApp, connection: H11Protocol, pool: SendingPool) -> None:
        self._app, self._connection, self._pool = app, connection, pool
        self._lost = asyncio.Event()
        self._is_prepared = False

    def end(self) -> None:
        """The connection is lost: whatever is being sent ends."""
        self._lost.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Offer the extension, and do what is asked by it."""

        async def send_either(message: Message) -> None:
            if message["type"] == ZERO_COPY_SEND:
                await self._send_piece(message, send)
            else:
                await send(message)

        if scope["method"] == "HEAD":  # its answer has no body
            await self._app(scope, receive, send)
            return
        extensions = {**(scope.get("extensions") or {}), ZERO_COPY_SEND: {}}
        await self._app({**scope, "extensions": extensions}, receive, send_either)

    async def _send_piece(self, message: Message, send: Send) -> None:
        """A message of the extension. Raises OSError, EOFError of the file alone."""
        if self._is_over:
            return
        file, offset, count = message["file"], message["offset"], message["count"]
        # h11 frames a body whose bytes it does not see (its documentation, Support for sendfile()).
        body = h11.Data(data=_Length(count))  # type: ignore[arg-type]
        for part in self._connection.conn.send_with_data_passthrough(body) or ():
            if isinstance(part, _Length):
                await self._send_file(file, offset, count)
            elif not self._is_over:
                self._connection.transport.write(part)
        if not message.get("more_body"):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    @property
    def _is_over(self) -> bool:
        return self._lost.is_set() or self._connection.transport.is_closing()

    async def _send_file(self, file: LaterFile, offset: int, count: int) -> None:
        transport, flow = self._connection.transport, self._connection.flow
        self._prepare()
        transport.set_write_buffer_limits(high=0)  # so that to drain is to empty it
        try:
            await flow.drain()
            end = offset + count
            while offset < end and not self._is_over:
                offset += await self._sent(self._turn(file, offset, end - offset))
                if offset < end and not self._is_over:
                    await self._writable()
        finally:
            transport.set_write_buffer_limits()

    def _prepare(self) -> None:
        """Once for each connection."""
        if self._is_prepared:
            return
        self._is_prepared = True
        client = self._connection.client
        if client and ipaddress.ip_address(client[0]).is_loopback:
            with suppress(OSError):  # it is only slower
                connection = self._connection.transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NEAR_BYTES)

    def _turn(self, file: LaterFile, offset: int, count: int) -> _Turn:
        return _Turn(
            connection=self._connection.transport.get_extra_info("socket").dup(),
            file=file,
            offset=offset,
            count=count,
            lost=self._lost,
            rooms=self._pool.rooms,
        )

    async def _sent(self, turn: _Turn) -> int:
        """How many bytes one turn of a thread sent; 0 where the connection is over."""
        try:
            job = self._pool.threads.submit(turn.run)
        except BaseException:
            turn.close()
            raise
        job.add_done_callback(lambda _: turn.close())  # a job that is cancelled has no other end
        try:
            return await asyncio.wrap_future(job)
        except (ConnectionError, TimeoutError):
            self._connection.transport.abort()
            return 0

    async def _writable(self) -> None:
        """Until the caller takes more, or is gone."""
        loop, waiting = asyncio.get_running_loop(), asyncio.Event()
        with self._connection.transport.get_extra_info("socket").dup() as connection:
            loop.add_writer(connection, waiting.set)
            either = [asyncio.ensure_future(each.wait()) for each in (waiting, self._lost)]
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                loop.remove_writer(connection)
                for each in either:
                    each.cancel()


class _Length:
    """Stands for bytes that h11 need not see."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """What a thread sends in one go. connection: a descriptor of its own."""

    connection: socket.socket
    file: LaterFile
    offset: int
    count: int
    lost: asyncio.Event
    rooms: Rooms

    def close(self) -> None:
        """Its descriptor."""
        self.connection.close()

    def run(self) -> int:
        """How many bytes the caller took. Raises OSError; EOFError where the file is shorter."""
        sent = 0
        with ExitStack() as held:
            room = self.rooms.take()
            held.callback(self.rooms.give_back, room)
            descriptor = self.file.duplicate()
            held.callback(os.close, descriptor)
            while sent < self.count and not self.lost.is_set():
                wanted = room.part(self.offset + sent, self.count - sent)
                read = os.preadv(descriptor, [wanted], self.offset + sent)
                if not read:
                    raise EOFError("a stored file is shorter than it was")
                taken = self._send(wanted[:read])
                sent += taken
                if taken < read:
                    break
            return sent

    def _send(self, data: memoryview) -> int:
        """How much of it the caller took. Raises OSError."""
        waiting = select.poll()
        waiting.register(self.connection, select.POLLOUT)
        sent = 0
        while sent < len(data):
            try:
                sent += self.connection.send(data[sent:])
            except BlockingIOError:
                if self.lost.is_set() or not waiting.poll(1000 * PATIENCE_S):
                    break
        return sent

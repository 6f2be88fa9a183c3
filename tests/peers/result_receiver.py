"""A RIS that takes results: python-hl7's own MLLP server, which answers as a test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self

import hl7
from hl7.mllp import start_hl7_server

from tests.peers.ports import LOOPBACK

# A message -> the code of its acknowledgement; None closes the connection without one.
Answer = Callable[[Any], str | None]


_LONGEST = 16 * 1024 * 1024  # bytes of a message: pages are in it


class ResultReceiver:
    """Listens on a free port, or on one that is given; `messages` is what came, in its order."""

    def __init__(self, *, port: int = 0, answer: Answer = lambda _: "AA") -> None:
        self.port = port
        self.messages: list[Any] = []
        self._answer = answer
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="result-receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            start_hl7_server(
                self._serve, host=LOOPBACK, port=self.port, encoding="utf-8", limit=_LONGEST
            )
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: Any, writer: Any) -> None:
        try:
            while True:
                message = await reader.readmessage()
                self.messages.append(message)
                code = self._answer(message)
                if code is None:
                    break
                writer.writemessage(message.create_ack(ack_code=code))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def parsed(raw: bytes) -> Any:
    """A message as python-hl7 reads it."""
    return hl7.parse(raw.decode("utf-8"))

"""Clients that store without end, each into a book: the load under which a node is attacked."""

from __future__ import annotations

import threading
import time
from typing import Self

from tests.faults.callers.client import Client, Ended, Rejected
from tests.faults.callers.instances import Instance, small_instance
from tests.faults.judging.books import Book

PATIENCE_S = 60.0
_AGAIN_S = 0.05  # after a connection that could not be had


class StoringClients:
    """As many threads, each storing one instance after another and calling again when cut off.

    Leaving the block ends them; their answers are in the book. pixels: bytes of each instance.
    timeout_s: for how long each waits for the node. pause_s: between two instances of one.
    """

    def __init__(
        self,
        port: int,
        book: Book,
        *,
        clients: int = 4,
        pixels: int = 20_000,
        timeout_s: float = PATIENCE_S,
        pause_s: float = 0.0,
    ) -> None:
        self._port, self._book, self._pixels = port, book, pixels
        self._timeout_s, self._pause_s = timeout_s, pause_s
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._acknowledged = self._cut_off = 0
        self._threads = [
            threading.Thread(target=self._run, args=(f"SCU{number}",), name=f"client {number}")
            for number in range(clients)
        ]

    @property
    def acknowledged(self) -> int:
        """How many instances were answered 0000 so far."""
        return self._acknowledged

    @property
    def cut_off(self) -> int:
        """How many connections failed or ended before their time, so far."""
        return self._cut_off

    def wait_for(self, more: int, *, timeout_s: float = PATIENCE_S) -> None:
        """Return once so many more are acknowledged. Raises AssertionError when they never are."""
        wanted, deadline = self._acknowledged + more, time.monotonic() + timeout_s
        while self._acknowledged < wanted:
            missing = wanted - self._acknowledged
            assert time.monotonic() < deadline, f"{missing} of {more} not in {timeout_s:g} s"
            time.sleep(0.005)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Each finishes what it is sending, and no more comes; may be called twice."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _run(self, calling: str) -> None:
        while not self._over.is_set():
            try:
                with Client(self._port, timeout_s=self._timeout_s) as client:
                    client.associate(calling)
                    while not self._over.is_set():
                        self._store(client)
                        self._over.wait(self._pause_s)
            except (Ended, Rejected, OSError):
                with self._lock:
                    self._cut_off += 1
                self._over.wait(_AGAIN_S)

    def _store(self, client: Client) -> None:
        instance = small_instance(pixels=self._pixels)
        self._write("offered", instance)
        try:
            status = client.store(instance)
        except (Ended, OSError):
            self._write("answered", instance, status=None)
            raise
        self._write("answered", instance, status=status)
        if status == 0:
            with self._lock:
                self._acknowledged += 1

    def _write(self, kind: str, instance: Instance, **more: int | None) -> None:
        uid, sha256 = instance.sop_instance_uid, instance.sha256
        self._book.write(kind, uid=uid, sha256=sha256, **more)

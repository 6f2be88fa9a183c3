"""Nodes wake each other: a delivery that became due at one may be sent by another.

Rules
- A notice is sent after the COMMIT, in a transaction of its own, and at most every GATHER_S for all
  destinations together: a notice within a COMMIT makes every COMMIT of the server wait in turn, at
  a quarter of the rate.
- A notice may be lost, with its connection: each node also looks every POLL_S (node/cluster.py).
- A notice names a destination, and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import sqlalchemy as sa

from echonode.log import get_logger
from echonode.store.database.postgres_engine import writer_engine

GATHER_S = 0.1
_CHANNEL = "echonode_due"
_LOOK_S = 0.5  # whether to stop
_AGAIN_S = 2.0  # after a connection that was lost

log = get_logger(__name__)


class Notices:
    """Sends and receives them on two threads; `tell` from any thread."""

    def __init__(self, url: str, *, incarnation: str, on_due: Callable[[str], None]) -> None:
        """on_due: called with a destination that another node told; quick, and does not raise."""
        self._url = url
        self._incarnation = incarnation
        self._on_due = on_due
        self._changed = threading.Condition()
        self._untold: set[str] = set()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name=name, daemon=True)
            for name, each in (("notices-send", self._send), ("notices-receive", self._receive))
        ]

    def start(self) -> None:
        """Begin to send and to receive."""
        for thread in self._threads:
            thread.start()

    def stop(self, deadline_s: float) -> None:
        """End both threads."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(deadline_s)

    def tell(self, destination: str) -> None:
        """Deliveries to a destination became due here. Does not wait."""
        with self._changed:
            self._untold.add(destination)
            self._changed.notify_all()

    def _run(self, work: Callable[[psycopg.Connection], None]) -> None:
        while not self._stopping.is_set():
            engine = writer_engine(self._url)
            try:
                with engine.connect() as connection:
                    driver = connection.connection.driver_connection
                    assert isinstance(driver, psycopg.Connection)  # of writer_engine
                    work(driver)
            except (psycopg.Error, sa.exc.DBAPIError):
                log.debug("notices_interrupted")
                self._stopping.wait(_AGAIN_S)
            finally:
                engine.dispose()

    def _send(self, connection: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: bool(self._untold) or self._stopping.is_set())
                names, self._untold = sorted(self._untold), set()
            for name in names:
                connection.execute(
                    "SELECT pg_notify(%s, %s)", (_CHANNEL, f"{self._incarnation} {name}")
                )
            self._stopping.wait(GATHER_S)

    def _receive(self, connection: psycopg.Connection) -> None:
        connection.execute(f"LISTEN {_CHANNEL}")
        while not self._stopping.is_set():
            for notice in connection.notifies(timeout=_LOOK_S):
                sender, _, destination = notice.payload.partition(" ")
                if sender != self._incarnation:
                    self._on_due(destination)

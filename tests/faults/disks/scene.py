"""A node whose disk is about to fail, with a probe, clients and an archive; all with books."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echonode.commands.lying_pacs.archive import LyingArchive
from tests.faults.callers.full_load import LOUD_S, PacedClients
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.attacked import peers_for
from tests.faults.nodes.forked import ForkedNode
from tests.peers.node_process import ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
UNAVAILABLE = 503  # of HTTP
LARGE, SMALL = 60_000, 0  # pixels: the file is what does not fit, or the rows of the database
_CLIENTS = 2  # of each
_PATIENCE_S = 30.0


@dataclass(kw_only=True)
class DiskScene:
    """`node` has begun, and clients store large and small instances."""

    node: ForkedNode
    archive: LyingArchive
    book: Book
    captures: Book
    web_port: int
    clients: list[PacedClients] = field(default_factory=list)
    _offset: int = 0
    _answers: set[int | None] = field(default_factory=set)

    def answers(self) -> set[int | None]:
        """What clients were answered since `forget_answers`."""
        with self.book.path.open() as book:
            book.seek(self._offset)
            text = book.read()
        whole = text[: text.rfind("\n") + 1]
        self._offset += len(whole)
        lines = [json.loads(line) for line in whole.splitlines()]
        self._answers |= {line["status"] for line in lines if line["kind"] == "answered"}
        return self._answers

    def forget_answers(self) -> None:
        """Begin again."""
        self.answers()
        self._answers = set()

    def pace(self, pause_s: float) -> None:
        """How long each client pauses after an instance."""
        for clients in self.clients:
            clients.pause_s = pause_s

    def wait_stored(self, count: int) -> None:
        """Until so many more instances of each size are acknowledged."""
        for clients in self.clients:
            clients.wait_for(count)

    def wait_refused(self, since: int, *, clients: bool = True, captures: bool = True) -> None:
        """Until a client got A700, a capture waits, and the operator can know it.

        clients, captures: False where what comes from there is durable all the same.
        """
        if clients:
            wait_until(lambda: OUT_OF_RESOURCES in self.answers(), "an instance refused")
        if captures:
            wait_until(lambda: bool(self.refused(since)), "a capture refused")
        wait_until(
            lambda: self.readiness()[0] == UNAVAILABLE, lambda: f"unready: {self.readiness()}"
        )

    def refused(self, since: int = 0) -> list[dict[str, Any]]:
        """The captures that the disk refused; the operator's log tells of each."""
        return [
            event
            for event in self.node.events[since:]
            if event["event"] == "store_refused" and "held" in event
        ]

    def readiness(self) -> tuple[int, str]:
        """GET /health/ready."""
        url = f"http://{LOOPBACK}:{self.web_port}/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def write_captures_down(self) -> None:
        """What the node said in this life that it had stored of the probe's."""
        for event in self.node.life_events():
            if event["event"] == "instance_stored" and "destinations" in event:
                self.captures.write("stored", uid=event["sop_instance_uid"])

    def restart_if_in_doubt(self) -> None:
        """Do what the operator is asked to do where the database could not be read for a while."""
        if "found damaged while it was used" in self.readiness()[1]:
            self.write_captures_down()
            assert self.node.stop() == 0
            self.node.start()

    def come_to_rest(self) -> None:
        """All is well again: ready, nothing lost, no defect said; then the node stops.

        And once more: what a COMMIT that the disk broke off has left, the next start puts in order.
        """
        wait_until(lambda: self.readiness()[0] == 200, lambda: f"ready: {self.readiness()}")
        for clients in self.clients:
            clients.stop()
        defects = [event for event in self.node.events if "exception" in event]
        assert defects == [], "\n".join(
            f"{event['event']}: {event['exception']}" for event in defects
        )
        assert [event["lost"] for event in self.refused() if event["lost"]] == []
        self.write_captures_down()
        assert self.node.stop() == 0
        assert self.node.start().stop() == 0

    def verdict(self) -> dict[str, list[str]]:
        """The judge's."""
        return judged(
            data_dir=self.node.data_dir,
            books=[self.book.path, self.captures.path],
            required={"pacs": self.archive.book.path},
        )


@contextmanager
def disk_scene(
    folder: Path, *, wrapper: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[DiskScene]:
    """The node's data_dir is `folder`/data. wrapper: a command that the node is run by."""
    with ExitStack() as stack:
        books = [Book(folder / f"{name}.book") for name in ("clients", "probe", "pacs")]
        for book in books:
            stack.callback(book.close)
        port, web_port = free_port(), free_port()
        archive = stack.enter_context(LyingArchive(books[2], node_port=port))
        probe = stack.enter_context(
            ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "20")
        )
        node = ForkedNode(
            folder=folder,
            port=port,
            wrapper=wrapper,
            env=env,
            peers=peers_for(_CLIENTS) | {"pacs": _archive_peer(archive)},
            destinations=[{"peer": "pacs", "commitment": "required"}],
            probes=[_small_probe(probe)],
            extra={
                "forwarding": [{"from": f"scu{n}", "to": ["pacs"]} for n in range(_CLIENTS)],
                "web": {"port": web_port, "viewer_port": free_port()},
            },
        )
        stack.callback(node.put_away)
        scene = DiskScene(
            node=node.start(), archive=archive, book=books[0], captures=books[1], web_port=web_port
        )
        for pixels in (LARGE, SMALL):
            clients = PacedClients(port, books[0], clients=_CLIENTS, pixels=pixels)
            scene.clients.append(stack.enter_context(clients))
        scene.pace(LOUD_S)
        yield scene


def _archive_peer(archive: LyingArchive) -> dict[str, object]:
    return {
        "ae_title": archive.ae_title,
        "host": LOOPBACK,
        "port": archive.port,
        "may": ["echo", "commit"],
    }


def _small_probe(probe: ProbeSimProcess) -> dict[str, object]:
    """Ten captures a second of a few kilobytes."""
    return {
        "name": "handheld",
        "protocol": "echopen",
        "dialect": "kit",
        "connect": probe.address,
        "capture": {"mode": "auto", "max_clip_s": 0.1},
        "image": {"rows": 64, "columns": 64},
    }

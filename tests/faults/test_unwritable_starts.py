"""A gateway (no probe) on a disk that fills up or turns read-only (scenarios 47 and 48).

Without a probe nothing waits in memory: its health must come from the writes themselves.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from tests.faults.callers.client import PENDING, Client, find_message
from tests.faults.callers.instances import Instance, element, new_uid, small_instance
from tests.faults.disks.small_disk import ReadOnlyView, SmallDisk
from tests.faults.judging.books import Book
from tests.faults.nodes.attacked import OftenLookingNode, peers_for
from tests.faults.programme import FULL, FULL_STARTS, SILENT_GATEWAYS
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
# A node looks at its disk and its old copies once a minute; `make faults` waits for that.
LOOK_S = 60 if FULL else 2
PATIENCE_S = 150.0
SENT = 12
PIXELS = 20_000


@dataclass
class Gateway:
    """A node that forwards what SCU sends to an archive; `sent` are those it acknowledged."""

    folder: Path
    stack: ExitStack
    retention: dict[str, float] = field(
        default_factory=lambda: {"keep_days_after_commit": 0, "minimum_free_percent": 0}
    )
    sent: list[Instance] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.archive_port, self.web_port = free_port(), free_port()
        peers = peers_for(0) | {
            "pacs": {
                "ae_title": "PACS",
                "host": LOOPBACK,
                "port": self.archive_port,
                "may": ["echo", "commit"],
            }
        }
        self.node = OftenLookingNode(
            folder=self.folder,
            env={"ECHONODE_TEST_LOOK_S": str(LOOK_S)},
            peers=peers,
            destinations=[{"peer": "pacs", "commitment": "required"}],
            extra={
                "forwarding": [{"from": "scu", "to": ["pacs"]}],
                "web": {"port": self.web_port, "viewer_port": free_port()},
                "retention": self.retention,
            },
        )
        self.stack.callback(self.node.put_away)

    def open_archive(self) -> LyingArchive:
        book = Book(self.folder / "pacs.book")
        self.stack.callback(book.close)
        return self.stack.enter_context(
            LyingArchive(book, node_port=self.node.port, port=self.archive_port)
        )

    def store(self, count: int = 1) -> set[int]:
        """Send so many; the statuses."""
        statuses = set()
        with Client(self.node.port) as client:
            client.associate()
            for _ in range(count):
                instance = small_instance(pixels=PIXELS, study=new_uid())
                status = client.store(instance)
                statuses.add(status)
                if status == SUCCESS:
                    self.sent.append(instance)
            client.release()
        return statuses

    def found(self) -> int:
        """How many studies a C-FIND answers with: each instance is one."""
        identifier = b"".join(
            [
                element(0x0008, 0x0052, b"CS", b"STUDY "),
                element(0x0020, 0x000D, b"UI", b""),
            ]
        )
        answers = 0
        with Client(self.node.port) as client:
            client.associate()
            client.send(find_message(identifier))
            while (status := client.read_status()) in PENDING:
                answers += 1
            assert status == SUCCESS
            client.release()
        return answers

    def health(self) -> tuple[int, Any]:
        """GET /health/ready: the status and the body."""
        url = f"http://{LOOPBACK}:{self.web_port}/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def is_refusing(self) -> bool:
        """Whether it is unready for its writes, with the alarm."""
        status, body = self.health()
        failed = {check["name"] for check in body["checks"] if not check["ok"]}
        alarms = {alarm["name"] for alarm in body["alarms"]}
        return status == 503 and "writes" in failed and "refusing" in alarms

    def is_ready(self) -> bool:
        status, body = self.health()
        return status == 200 and "refusing" not in {alarm["name"] for alarm in body["alarms"]}

    def wait(self, what: str, condition: Any) -> None:
        wait_until(condition, lambda: f"{what}: {self.health()}", timeout_s=PATIENCE_S)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as parts:
        yield parts


@pytest.fixture
def gateway(tmp_path: Path, stack: ExitStack) -> Gateway:
    """Not started yet."""
    return Gateway(tmp_path, stack)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(SILENT_GATEWAYS.count))
def test_a_gateway_whose_disk_turned_read_only_says_so(gateway: Gateway, number: int) -> None:
    """A refused C-STORE makes it unready at once, with an alarm; and when the disk is well it is
    ready again by itself, without a sender.
    """
    gateway.node.start()
    assert gateway.store(3) == {SUCCESS}
    assert gateway.is_ready()
    with ReadOnlyView(gateway.node.data_dir):
        assert gateway.store() == {OUT_OF_RESOURCES}
        assert gateway.is_refusing()
    gateway.wait("ready again", gateway.is_ready)
    assert gateway.store() == {SUCCESS}
    assert gateway.node.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(SILENT_GATEWAYS.count))
def test_a_disk_that_turned_read_only_is_found_without_traffic(
    gateway: Gateway, number: int
) -> None:
    """No client sends, no probe is there: within its next look the node knows."""
    gateway.node.start()
    with ReadOnlyView(gateway.node.data_dir):
        gateway.wait("unready", gateway.is_refusing)
    gateway.wait("ready again", gateway.is_ready)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_database_that_is_unlinked_is_noticed(gateway: Gateway) -> None:
    """Unready and an alarm; a restart takes everything in that was acknowledged."""
    gateway.node.start()
    gateway.store(3)
    (gateway.node.data_dir / "index.sqlite").unlink()
    gateway.wait(
        "index_gone",
        lambda: "index_gone" in {alarm["name"] for alarm in gateway.health()[1]["alarms"]},
    )
    assert gateway.health()[0] == 503
    gateway.store(3)
    gateway.node.kill()
    gateway.node.start()
    assert gateway.found() == len(gateway.sent) == 6
    assert gateway.is_ready()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_node_begins_on_a_read_only_disk_and_serves_what_it_has(gateway: Gateway) -> None:
    """Viewers are answered, senders hear A700, it is not ready and says why; a start on the disk
    when it is well goes on as if nothing had been.
    """
    gateway.node.start()
    gateway.store(SENT)
    assert gateway.node.stop() == 0
    with ReadOnlyView(gateway.node.data_dir):
        gateway.node.start()
        assert gateway.found() == SENT
        assert gateway.store(2) == {OUT_OF_RESOURCES}
        assert gateway.is_refusing()
        assert len(gateway.node.ledger()) == SENT
        assert gateway.node.stop() == 0
        gateway.node.start()
        gateway.node.kill()
    gateway.node.start()
    assert gateway.is_ready()
    archive = gateway.open_archive()
    gateway.wait("all promised and gone", lambda: gateway.node.stored_files() == [])
    assert set(archive.kept) == {instance.sop_instance_uid for instance in gateway.sent}
    assert "Traceback" not in gateway.node.stderr()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(FULL_STARTS.count))
def test_a_node_begins_on_a_full_disk_and_makes_room_by_itself(
    tmp_path: Path, stack: ExitStack, number: int
) -> None:
    """Killed, its disk filled by another, started: it delivers, is promised, deletes, and takes
    images again; no help was needed.
    """
    disk = stack.enter_context(SmallDisk(tmp_path / "data", mib=96, inodes=20_000))
    gateway = Gateway(tmp_path, stack)
    gateway.node.start()
    assert gateway.store(SENT) == {SUCCESS}
    disk_reserve = gateway.node.data_dir / "ballast"
    gateway.wait("ballast", lambda: len(list(disk_reserve.glob("*.bin"))) == 4)
    gateway.node.kill()
    disk.leave(0)
    gateway.node.start()
    archive = gateway.open_archive()
    gateway.wait("all promised and gone", lambda: gateway.node.stored_files() == [])
    assert {uid: kept.sha256 for uid, kept in archive.kept.items()} == {
        instance.sop_instance_uid: instance.sha256 for instance in gateway.sent
    }
    assert gateway.store() == {SUCCESS}
    assert gateway.node.stop() == 0
    assert "Traceback" not in gateway.node.stderr()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_reserve_holds_against_peers(tmp_path: Path, stack: ExitStack) -> None:
    """Below it every C-STORE is A700 before a byte is written; with room again all go on."""
    disk = stack.enter_context(SmallDisk(tmp_path / "data", mib=32, inodes=20_000))
    gateway = Gateway(tmp_path, stack, {"minimum_free_percent": 50})
    gateway.node.start()
    assert gateway.store(3) == {SUCCESS}
    disk.leave(12 * 1024 * 1024)
    before = disk.free()
    assert gateway.store(20) == {OUT_OF_RESOURCES}
    assert disk.free() >= before - 1024 * 1024  # the database's own
    assert gateway.health()[0] == 503
    refused = gateway.node.wait_for("store_refused")
    assert (refused["status"], "is free" in refused["reason"]) == ("0xA700", True)
    disk.make_room()
    assert gateway.store() == {SUCCESS}

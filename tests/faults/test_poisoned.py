"""A poisoned object in front of good ones (scenario 49), in a real process.

The objects were taken with 0000: they can be kept and sent as they are, and cannot be re-encoded.
The archive and the viewers take Implicit VR alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt

from echonode.commands.lying_pacs import wire
from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import implicit_only, never_reports
from tests.faults.callers.client import Client
from tests.faults.callers.instances import ULTRASOUND, Instance, new_uid, small_instance
from tests.faults.judging.books import Book
from tests.faults.nodes.attacked import peers_for
from tests.faults.programme import POISONED
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

GOOD = 5
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
IMPLICIT = "1.2.840.10008.1.2"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
PATIENCE_S = 60.0


def poison(study: str) -> Instance:
    """JPEG by its transfer syntax and nothing of the kind by its one fragment (PS3.5 A.4)."""
    plain = small_instance(study=study)
    fragment = b"this is no codestream" * 10
    pixels = (
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        + struct.pack("<HHI", 0xFFFE, 0xE000, len(fragment))
        + fragment
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )
    return replace(plain, dataset=plain.dataset + pixels, transfer_syntax_uid=JPEG_BASELINE)


class Poisoned:
    """A node that was sent poisoned objects first; its archive; and a viewer for C-MOVE."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.study = new_uid()
        books = [Book(folder / f"{name}.book") for name in ("pacs", "viewer")]
        for book in books:
            stack.callback(book.close)
        port = free_port()
        self.archive = stack.enter_context(LyingArchive(books[0], node_port=port))
        self.viewer = stack.enter_context(LyingArchive(books[1], ae_title="VIEWER"))
        for part in (self.archive, self.viewer):
            part.accepts, part.commit = implicit_only, never_reports
        ports = {"pacs": self.archive.port, "viewer": self.viewer.port}
        peers = peers_for(0) | {
            name: {
                "ae_title": name.upper(),
                "host": LOOPBACK,
                "port": where,
                "may": ["echo", "commit", "find", "move", "get"],
            }
            for name, where in ports.items()
        }
        self.node = EchoNodeProcess(
            folder=folder,
            port=port,
            peers=peers,
            destinations=[{"peer": "pacs", "commitment": "required"}],
            extra={"forwarding": [{"from": "scu", "to": ["pacs"]}]},
        )
        stack.callback(self.node.put_away)
        self.node.start()
        self.bad = self._store([poison(self.study) for _ in range(POISONED.count)])
        self.good = self._store([small_instance(pixels=600, study=self.study) for _ in range(GOOD)])

    def _store(self, instances: list[Instance]) -> list[Instance]:
        context = wire.Proposed(
            abstract_syntax=ULTRASOUND, transfer_syntax=instances[0].transfer_syntax_uid
        )
        with Client(self.node.port) as client:
            assert client.associate("SCU", [context]) == {1}
            assert {client.store(instance) for instance in instances} == {0x0000}
            client.release()
        return instances

    @property
    def good_uids(self) -> set[str]:
        return {instance.sop_instance_uid for instance in self.good}

    def wait_sent(self) -> None:
        wait_until(
            lambda: set(self.archive.kept) == self.good_uids,
            lambda: f"sent: {set(self.archive.kept)}",
            timeout_s=PATIENCE_S,
        )

    def retrieve(self, sop_class: str) -> tuple[set[str], int]:
        """C-GET, or C-MOVE to the viewer: what came, and how many failed."""
        came: set[str] = set()

        def take(event: evt.Event) -> int:
            came.add(str(getattr(event.request, "AffectedSOPInstanceUID")))  # noqa: B009  # of C_STORE alone
            return 0x0000

        ae = AE("VIEWER")
        ae.add_requested_context(sop_class, IMPLICIT)
        ae.add_requested_context(ULTRASOUND, IMPLICIT)
        association = ae.associate(
            LOOPBACK,
            self.node.port,
            ae_title="ECHONODE",
            ext_neg=[build_role(ULTRASOUND, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, take)],
        )
        assert association.is_established
        asked = Dataset()
        asked.QueryRetrieveLevel, asked.StudyInstanceUID = "STUDY", self.study
        if sop_class == STUDY_ROOT_GET:
            answers = list(association.send_c_get(asked, sop_class))
        else:
            answers = list(association.send_c_move(asked, "VIEWER", sop_class))
            came |= set(self.viewer.kept)
        association.release()
        return came, int(answers[-1][0].NumberOfFailedSuboperations)


@pytest.fixture
def poisoned(tmp_path: Path) -> Iterator[Poisoned]:
    with ExitStack() as stack:
        yield Poisoned(tmp_path, stack)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_poisoned_object_costs_itself_and_nothing_behind_it(poisoned: Poisoned) -> None:
    """Delivery, C-GET, C-MOVE, and a start that rebuilds the database: each of the good ones
    comes through each time, the poisoned ones stay here whole, and no traceback is written."""
    poisoned.wait_sent()
    for sop_class in (STUDY_ROOT_GET, STUDY_ROOT_MOVE):
        assert poisoned.retrieve(sop_class) == (poisoned.good_uids, POISONED.count)
    poisoned.node.kill()
    for path in poisoned.node.data_dir.glob("index.sqlite*"):
        path.unlink()
    first = next((poisoned.node.data_dir / "instances").rglob("*.dcm")).parent
    (first / f"{0:032x}.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 200)  # unreadable
    poisoned.node.start()
    rows = poisoned.node.ledger()
    held = {row["sop_instance_uid"] for row in rows}
    assert held == poisoned.good_uids | {one.sop_instance_uid for one in poisoned.bad}
    assert poisoned.retrieve(STUDY_ROOT_GET) == (poisoned.good_uids, POISONED.count)
    assert poisoned.node.stop() == 0
    assert "Traceback" not in poisoned.node.stderr()
    assert not [entry for entry in poisoned.node.events if "exception" in entry]

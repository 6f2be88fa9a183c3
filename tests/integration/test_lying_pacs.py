"""`echonode lying-pacs`: each behaviour as a sender on the network meets it.

The sender is a plain socket (tests/faults/callers), and DCMTK where a real one is the point.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from echonode.commands.lying_pacs import association_wire, commitment_wire, wire
from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.behaviours import BEHAVIOURS, BY_NAME
from echonode.commands.lying_pacs.choosing import conduct_of
from echonode.commands.lying_pacs.commitment_wire import COMMITMENT
from echonode.commands.lying_pacs.conduct import follow
from echonode.commands.lying_pacs.wire import IMPLICIT_LITTLE
from tests.faults.callers.client import (
    FIND,
    RELEASE,
    STORAGE,
    VERIFICATION,
    Client,
    Ended,
    Rejected,
    echo_message,
    find_message,
)
from tests.faults.callers.instances import Instance, element, small_instance
from tests.peers.dcmtk import DcmtkResult

ON_COMMITMENT = 7
COMMITTING = wire.Proposed(abstract_syntax=COMMITMENT, transfer_syntax=wire.EXPLICIT_LITTLE)
CONTEXTS = (STORAGE, VERIFICATION, FIND, COMMITTING)
TRANSACTION = "2.25.1234567890"
SILENCE_S = 0.7


@dataclass
class Seen:
    """What a sender saw, in words; an honest archive's is the default."""

    contexts: str = "4 accepted"
    stores: list[str] = field(default_factory=lambda: ["0000", "0000"])
    action: str = "0000"
    reports: list[str] = field(default_factory=lambda: ["1: a b, none failed"])
    found: str = "found 0000"
    released: str = "yes"


class Sender:
    """Two instances, a commitment request for both, a query for the first, a release."""

    def __init__(self, port: int) -> None:
        self.seen = Seen("", [], "", [], "", "")
        # Larger than what the kernels at both ends hold, so that a deaf archive is felt.
        self.instances = [small_instance(pixels=3_000_000), small_instance()]
        self._client = Client(port, timeout_s=30.0)

    def run(self) -> Seen:
        with self._client:
            self._step("contexts", self._associate)
            if self.seen.contexts.endswith("accepted"):
                self._rest()
        return self.seen

    def _rest(self) -> None:
        for instance in self.instances:
            self.seen.stores.append("")
            if not self._step("stores", partial(self._store, instance)):
                return
        steps = (("action", self._commit), ("found", self._find), ("released", self._release))
        for name, step in steps:
            if not self._step(name, step):
                return

    def _step(self, name: str, step: Callable[[], str]) -> bool:
        """Note what came of it; whether the association is still of use."""
        try:
            said, goes_on = step(), True
        except Rejected as rejection:
            said, goes_on = f"rejected {rejection.numbers}", False
        except Ended as ended:
            said, goes_on = ("aborted" if str(ended) == "A-ABORT" else "ended"), False
        except TimeoutError:
            said, goes_on = "silence", False
        if name == "stores":
            self.seen.stores[-1] = said
        else:
            setattr(self.seen, name, said)
        return goes_on

    def _store(self, instance: Instance) -> str:
        return f"{self._client.store(instance):04X}"

    def _associate(self) -> str:
        roles = {COMMITMENT: (True, True)}
        self._client.send(association_wire.request("PACS", "SCU", CONTEXTS, roles))
        return f"{len(self._client.read_accept())} accepted"

    def _commit(self) -> str:
        """The status of N-ACTION; an echo behind it shows that no more comes."""
        form = commitment_wire._Form(explicit=True)
        items = [
            commitment_wire.Item(
                sop_class_uid=instance.sop_class_uid, sop_instance_uid=instance.sop_instance_uid
            )
            for instance in self.instances
        ]
        dataset = form.uid((0x0008, 0x1195), TRANSACTION)
        dataset += form.sequence((0x0008, 0x1199), [form.reference(item) for item in items])
        command = wire.command_set(
            (0x0003, COMMITMENT),
            (0x0100, commitment_wire.N_ACTION_RQ),
            (0x0110, 9),
            (0x0800, wire.HAS_DATASET),
            (0x1001, commitment_wire.WELL_KNOWN_INSTANCE),
            (0x1008, 1),
        )
        self._client.send(
            wire.command_pdu(ON_COMMITMENT, command) + wire.data_pdus(ON_COMMITMENT, dataset)
        )
        self._client.send(echo_message(10))
        status = "silence"
        echoed = False
        # Where the answer waits for a report's, it comes after the echo's.
        while not echoed or (status == "silence" and self.seen.reports):
            answer, _ = self._message()
            echoed = echoed or answer[0x0100] == b"\x30\x80"
            if answer[0x0100] == b"\x30\x81":
                status = f"{int.from_bytes(answer[0x0900], 'little'):04X}"
        return status

    def _message(self) -> tuple[dict[int, bytes], bytes]:
        """The next message; a report is answered 0000 and noted."""
        command = wire.read_command(self._client._read_fragments())
        if command[0x0800] == wire.NO_DATASET.to_bytes(2, "little"):
            return command, b""
        dataset = self._client._read_fragments()
        if command[0x0100] == commitment_wire.N_EVENT_REPORT_RQ.to_bytes(2, "little"):
            self.seen.reports.append(self._in_words(command, dataset))
            answer = wire.command_set(
                (0x0002, COMMITMENT),
                (0x0100, commitment_wire.N_EVENT_REPORT_RSP),
                (0x0120, int.from_bytes(command[0x0110], "little")),
                (0x0800, wire.NO_DATASET),
                (0x0900, 0),
            )
            self._client.send(wire.command_pdu(ON_COMMITMENT, answer))
        return command, dataset

    def _in_words(self, command: dict[int, bytes], dataset: bytes) -> str:
        names = {i.sop_instance_uid: n for i, n in zip(self.instances, "ab", strict=True)}
        lists: dict[tuple[int, int], list[str]] = {(0x0008, 0x1198): [], (0x0008, 0x1199): []}
        transaction = ""
        for tag, value in commitment_wire.elements(dataset, wire.EXPLICIT_LITTLE):
            if tag in lists:
                for item in commitment_wire._read_items(value):
                    found = dict(commitment_wire.elements(item, wire.EXPLICIT_LITTLE))
                    word = names.get(commitment_wire.uid(found[(0x0008, 0x1155)]), "?")
                    if commitment_wire.uid(found[(0x0008, 0x1150)]) != STORAGE.abstract_syntax:
                        word += "*"
                    reason = found.get((0x0008, 0x1197))
                    word += f":{int.from_bytes(reason, 'little'):04X}" if reason else ""
                    lists[tag].append(word)
            elif tag == (0x0008, 0x1195):
                transaction = commitment_wire.uid(value)
        event = int.from_bytes(command[0x1002], "little")
        failed, committed = lists.values()
        said = f"{event}: {' '.join(committed) or 'none'}, {' '.join(failed) or 'none'} failed"
        return said if transaction == TRANSACTION else f"{said}, another transaction"

    def _find(self) -> str:
        uid = self.instances[0].sop_instance_uid
        self._client.send(find_message(element(0x0008, 0x0018, b"UI", uid.encode())))
        command, dataset = self._message()
        found = "found" if dataset else "not found"
        if dataset:
            command, _ = self._message()
        return f"{found} {int.from_bytes(command[0x0900], 'little'):04X}"

    def _release(self) -> str:
        self._client.socket.settimeout(SILENCE_S)
        self._client.send(RELEASE)
        while (pdu := self._client.read_pdu())[0] != wire.RELEASE_RP:
            if pdu[0] == wire.DATA and pdu[1][5] == wire.DATA_LAST:
                self.seen.reports.append("at the release")
        return "yes"


NOTHING: dict[str, Any] = {
    "stores": [], "action": "", "reports": [], "found": "", "released": "",
}  # fmt: skip
FIRST_ONLY: dict[str, Any] = {"action": "", "reports": [], "found": "", "released": ""}
NO_REPORT: dict[str, Any] = {"reports": []}
NONE_HELD: dict[str, Any] = {
    "reports": ["2: none, a:0112 b:0112 failed"], "found": "not found 0000",
}  # fmt: skip
# What differs from what an honest archive shows.
EXPECTED: dict[str, dict[str, Any]] = {
    "honest": {},
    "rejects-associations": {"contexts": "rejected (2, 3, 2)", **NOTHING},
    "rejects-ae-title": {"contexts": "rejected (1, 1, 3)", **NOTHING},
    "never-accepts": {"contexts": "silence", **NOTHING},
    "hangs-up": {"contexts": "ended", **NOTHING},
    "small-pdus": {},
    "never-releases": {"released": "silence"},
    "out-of-resources": {"stores": ["A700", "A700"], **NONE_HELD},
    "refuses": {"stores": ["C000", "C000"], **NONE_HELD},
    "warns": {"stores": ["B000", "B000"]},
    "forgets": {**NONE_HELD},
    "forgets:first=2": {"reports": ["2: a, b:0112 failed"]},
    "never-answers": {"stores": ["silence"], **FIRST_ONLY},
    "slow:after=0.3": {},
    "stops-reading": {"stores": ["silence"], **FIRST_ONLY},
    "aborts": {"stores": ["aborted"], **FIRST_ONLY},
    "resets": {"stores": ["ended"], **FIRST_ONLY},
    "stores-and-aborts": {"stores": ["aborted"], **FIRST_ONLY},
    "half-an-answer": {"stores": ["ended"], **FIRST_ONLY},
    "never-reports": {**NO_REPORT},
    "refuses-requests": {"action": "0110", **NO_REPORT},
    "never-answers-requests": {"action": "silence", **NO_REPORT},
    "fails-all": {"reports": ["2: none, a:0112 b:0112 failed"]},
    "fails-all:reason=0213": {"reports": ["2: none, a:0213 b:0213 failed"]},
    "commits-to-all": {},
    "wrong-uids": {"reports": ["1: ? ?, none failed"]},
    "wrong-class": {"reports": ["1: a* b, none failed"]},
    "wrong-transaction": {"reports": ["1: a b, none failed, another transaction"]},
    "extra-items": {"reports": ["1: ?* a b, none failed"]},
    "partial-reports": {"reports": ["1: a, none failed"]},
    "reports-twice": {"reports": ["1: a b, none failed"] * 2},
    "reports-in-two-parts": {"reports": ["1: a, none failed", "1: b, none failed"]},
    "empty-reports": {"reports": ["1: none, none failed"]},
    "items-twice": {"reports": ["1: a b a b, none failed"]},
    "unknown-event": {"reports": ["3: a b, none failed"]},
    "in-both-lists": {"reports": ["2: a b, a:0110 failed"]},
    "failure-as-success": {"reports": ["1: b, a:0110 failed"]},
    "changes-its-mind": {"reports": ["1: a b, none failed", "2: none, a:0110 b:0110 failed"]},
    "reports-before-the-answer": {},
    "waits-for-the-report": {},
    "reports-at-the-release": {"reports": ["at the release"]},
    "finds-nothing": {"found": "not found 0000"},
    "finds-all": {},
    "fails-queries": {"found": "not found A700"},
}
# Met otherwise, below: another sender is needed, or none is.
ELSEWHERE = {
    *("refuses-contexts", "refuses-commitment", "implicit-only"),
    *("wrong-message-id", "late-reports"),
    *("reports-apart", "reports-without-a-role", "reports-in-implicit"),
}


@contextmanager
def archive_that(*words: str, **arguments: Any) -> Iterator[LyingArchive]:
    with LyingArchive(receive_buffer=65_536, **arguments) as archive:
        follow(archive, conduct_of(words))
        yield archive


@pytest.mark.parametrize("word", EXPECTED)
def test_a_behaviour_is_what_its_sentence_says(word: str) -> None:
    """As a sender meets it: one that sends two instances, asks for commitment, and queries."""
    honest = Seen()
    events: list[str] = []
    with archive_that(word, tell=lambda kind, fields: events.append(kind)) as archive:
        sender = Sender(archive.port)
        if "silence" in str(EXPECTED[word]):
            sender._client.socket.settimeout(SILENCE_S)
        seen = sender.run()
    assert vars(seen) == {**vars(honest), **EXPECTED[word]}
    assert ("pdu_too_long" in events) == (word == "small-pdus")


def test_every_behaviour_is_met_by_a_sender() -> None:
    """A behaviour without a test here would be a claim."""
    assert {word.partition(":")[0] for word in EXPECTED} | ELSEWHERE == set(BY_NAME)
    assert len(BEHAVIOURS) == len(BY_NAME)


def test_refused_contexts() -> None:
    """Of one class, of all storage classes, of commitment, and of all explicit syntaxes."""

    def accepted(*words: str) -> set[int]:
        with archive_that(*words) as archive, Client(archive.port) as client:
            return client.associate(contexts=CONTEXTS)

    assert accepted("honest") == {1, 3, 5, 7}
    assert accepted("refuses-contexts") == {3, 7}
    assert accepted(f"refuses-contexts:class={FIND.abstract_syntax}") == {1, 3, 7}
    assert accepted("refuses-commitment") == {1, 3, 5}
    assert accepted("implicit-only") == {3}  # verification is proposed in Implicit VR
    assert VERIFICATION.transfer_syntax == IMPLICIT_LITTLE


def test_the_answer_has_the_message_id_of_another_request() -> None:
    """A sender that does not compare it takes one instance's answer for another's."""
    with archive_that("wrong-message-id") as archive, Client(archive.port) as client:
        client.associate(contexts=CONTEXTS)
        instance = small_instance()
        client.store(instance)
        assert instance.sop_instance_uid in archive.kept
        command = wire.store_request(instance.sop_class_uid, instance.sop_instance_uid, 41)
        client.send(wire.command_pdu(1, command) + wire.data_pdus(1, instance.dataset))
        answer = wire.read_command(client._read_fragments())
        assert int.from_bytes(answer[0x0120], "little") == 42


@pytest.mark.parametrize(
    ("word", "way"),
    [
        ("late-reports:seconds=0.3", "an association of its own, with the role"),
        ("reports-apart", "an association of its own, with the role"),
        ("reports-without-a-role", "an association of its own, without a role"),
        ("reports-in-implicit", "an association of its own, Implicit LE only"),
    ],
)
def test_reports_on_an_association_of_their_own(word: str, way: str) -> None:
    """The sender is gone by then; tests/faults/test_report_ways.py has one that is not."""
    with archive_that(word) as archive:
        seen = Sender(archive.port).run()
        [reported] = archive.wait_reported(1)
    assert (seen.reports, reported.way.value, reported.status) == ([], way, None)


# --- the command ---


class Command:
    """`echonode lying-pacs --json` as a user starts it."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "echonode", "lying-pacs", "--port", "0", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self.said = self._process.stderr.readline()
        self.port = int(self.said.rpartition(",")[0].rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> list[dict[str, Any]]:
        """Its events, once it has ended at Ctrl-C with status 0."""
        self._process.send_signal(signal.SIGINT)
        out, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0
        return [json.loads(line) for line in out.splitlines()]


def a_file(folder: Path) -> tuple[Instance, Path]:
    """An instance as a file, made by hand: preamble, meta information, dataset (PS3.10 7.1)."""
    instance = small_instance()
    meta = b"".join(
        element(0x0002, number, vr, value)
        for number, vr, value in (
            (0x0001, b"OB", b"\0\1"),
            (0x0002, b"UI", instance.sop_class_uid.encode()),
            (0x0003, b"UI", instance.sop_instance_uid.encode()),
            (0x0010, b"UI", instance.transfer_syntax_uid.encode()),
        )
    )
    length = element(0x0002, 0x0000, b"UL", len(meta).to_bytes(4, "little"))
    path = folder / "image.dcm"
    path.write_bytes(bytes(128) + b"DICM" + length + meta + instance.dataset)
    return instance, path


@pytest.mark.peers
def test_a_real_sender_meets_the_command(
    tmp_path: Path, run_dcmtk: Callable[..., DcmtkResult]
) -> None:
    """DCMTK's storescu: refused twice, then stored; each event a line; no patient data in it."""
    instance, path = a_file(tmp_path)
    with Command("--behaviour", "out-of-resources:count=2", "--ae-title", "LIAR") as command:
        assert "LIAR on 127.0.0.1" in command.said
        results = [
            run_dcmtk("storescu", "-v", "-aec", "LIAR", "127.0.0.1", command.port, path)
            for _ in range(3)
        ]
        refused = ["Refused: OutOfResources" in result.output for result in results]
        assert refused == [True, True, False], results[0].output
        events = command.end()
    stores = [event for event in events if event["event"] == "store"]
    assert [event["status"] for event in stores] == ["A700", "A700", "0000"]
    assert {event["uid"] for event in stores} == {instance.sop_instance_uid}
    assert "FAULTS" not in json.dumps(events)  # its Patient ID


def test_bad_usage_says_what_to_give() -> None:
    """Exit status 2 with a sentence: unknown behaviours, and a report that needs an address."""

    def said(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "echonode", "lying-pacs", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        return done.stderr

    assert "did you mean 'forgets'" in said("--behaviour", "forget")
    assert "--report-to HOST:PORT" in said("--behaviour", "late-reports")
    assert "not HOST:PORT" in said("--report-to", "here")
    assert "--ae-title" in said("--ae-title", "a title that is too long")


def test_what_is_no_dicom_is_an_event_and_no_traceback() -> None:
    """Whatever a sender under test sends, the archive goes on for the next one."""
    with Command() as command:
        hostile = (
            b"GET / HTTP/1.1\r\n\r\n",
            wire.pdu(wire.ASSOCIATE_RQ, b"\xff" * 200),
            wire.pdu(wire.ASSOCIATE_RQ, b""),
            b"\x01\x00\xff\xff\xff\xff",
        )
        for data in hostile:
            with Client(command.port) as client:
                client.send(data)
                client.socket.shutdown(1)
                client.read_to_end()
        with Client(command.port) as client:
            client.associate(contexts=CONTEXTS)
            assert client.echo() == 0
            client.send(wire.pdu(wire.DATA, b"\0\0\0\x01\x01\x03"))
            client.read_to_end()
        events = [event["event"] for event in command.end()]
    assert events.count("echo") == 1
    assert len([e for e in events if e in ("failed", "connection_ended")]) >= 5

"""The judge finds what it is there to find: each promise is broken on purpose, and it says so."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.callers.client import Client
from tests.faults.callers.instances import small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.evidence import PREAMBLE
from tests.faults.judging.judge import PROMISES
from tests.faults.judging.verdict import judged
from tests.faults.nodes.attacked import peers_for
from tests.peers.node_process import EchoNodeProcess

SUCCESS, REFUSED, OUT_OF_RESOURCES = 0x0000, 0xA900, 0xA700
NOTHING: dict[str, list[str]] = {promise: [] for promise in PROMISES}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A node's folder and the books around it, made by hand: no EchoNode has had a part in it."""

    data_dir: Path
    client: Book
    archive: Book

    def file_id(self, number: int) -> str:
        return f"{number:032x}"

    def path(self, number: int) -> Path:
        name = self.file_id(number)
        return self.data_dir / "instances" / name[:2] / name[2:4] / f"{name}.dcm"

    def hold(self, number: int, dataset: bytes) -> None:
        """A file with its row."""
        self.write(number, dataset)
        size = self.path(number).stat().st_size
        row = (self.file_id(number), uid(number), sha256(dataset), size)
        self.execute("INSERT INTO instance VALUES (?, ?, ?, ?)", row)

    def write(self, number: int, dataset: bytes) -> None:
        """A Part 10 file alone."""
        name = uid(number).encode() + b"\0" * (len(uid(number)) % 2)
        meta = b"\x02\x00\x03\x00UI" + struct.pack("<H", len(name)) + name
        head = PREAMBLE + b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(meta))
        self.path(number).parent.mkdir(parents=True, exist_ok=True)
        self.path(number).write_bytes(head + meta + dataset)

    def bury(self, number: int, dataset: bytes) -> None:
        """The instance has gone; its tombstone says so."""
        self.path(number).unlink(missing_ok=True)
        self.execute("DELETE FROM instance WHERE sop_instance_uid = ?", (uid(number),))
        self.execute("INSERT INTO tombstone VALUES (?, ?)", (uid(number), sha256(dataset)))

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with closing(sqlite3.connect(self.data_dir / "index.sqlite")) as connection, connection:
            connection.execute(statement, values)

    def answer(self, number: int, dataset: bytes, status: int | None) -> None:
        """A client sent it and was answered."""
        name, digest = uid(number), sha256(dataset)
        self.client.write("offered", uid=name, sha256=digest)
        self.client.write("answered", uid=name, sha256=digest, status=status)

    def keep(self, number: int, dataset: bytes) -> None:
        """The archive took it and committed it."""
        self.archive.write("kept", uid=uid(number), sha256=sha256(dataset), status=SUCCESS)
        self.promise(number)

    def promise(self, number: int) -> None:
        reported = {"transaction": "2.25.9", "committed": [uid(number)], "failed": []}
        self.archive.write("reported", **reported, status=SUCCESS)

    def verdict(self) -> dict[str, list[str]]:
        return judged(
            data_dir=self.data_dir,
            books=[self.client.path],
            required={"pacs": self.archive.path},
        )


def uid(number: int) -> str:
    return f"1.2.3.{number}"


def sha256(dataset: bytes) -> str:
    return hashlib.sha256(dataset).hexdigest()


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    """Two instances that are held, one that an archive keeps and that has gone: all is well."""
    data_dir = tmp_path / "data"
    for name in ("instances", "incoming", "quarantine", "deleted"):
        (data_dir / name).mkdir(parents=True)
    with ExitStack() as stack:
        books = [Book(tmp_path / f"{name}.book") for name in ("client", "archive")]
        for book in books:
            stack.callback(book.close)
        made = Case(data_dir=data_dir, client=books[0], archive=books[1])
        made.execute("CREATE TABLE instance (file_id, sop_instance_uid, dataset_sha256, size)")
        made.execute("CREATE TABLE tombstone (sop_instance_uid, dataset_sha256)")
        made.hold(1, b"one")
        made.answer(1, b"one", SUCCESS)
        made.hold(2, b"two")
        made.answer(2, b"two", 0xB000)
        made.answer(3, b"three", SUCCESS)
        made.keep(3, b"three")
        made.bury(3, b"three")
        yield made


def test_where_all_is_well_the_judge_finds_nothing(case: Case) -> None:
    """Held, or kept by the archive and gone; an offer without an answer may be there or not."""
    case.client.write("offered", uid=uid(4), sha256=sha256(b"four"))
    case.answer(5, b"five", None)
    case.hold(5, b"five")
    case.answer(6, b"six", OUT_OF_RESOURCES)
    case.answer(7, b"seven", REFUSED)
    assert case.verdict() == NOTHING


def lose(case: Case) -> None:
    case.path(1).unlink()
    case.execute("DELETE FROM instance WHERE sop_instance_uid = '1.2.3.1'")


def lose_what_was_kept_with_other_bytes(case: Case) -> None:
    lose(case)
    case.keep(1, b"other")


def replace_by_other_bytes(case: Case) -> None:
    case.write(1, b"eno")


def lose_a_capture(case: Case) -> None:
    case.client.write("stored", uid=uid(8))


def delete_unpromised(case: Case) -> None:
    case.archive.write("kept", uid=uid(2), sha256=sha256(b"two"), status=SUCCESS)
    case.bury(2, b"two")


def delete_a_capture_unpromised(case: Case) -> None:
    case.bury(9, b"nine")


def see_an_unpromised_deletion(case: Case) -> None:
    case.client.write("deleted", uid=uid(9))


def send_other_bytes(case: Case) -> None:
    case.archive.write("kept", uid=uid(1), sha256=sha256(b"eno"), status=SUCCESS)


def send_a_capture_changed(case: Case) -> None:
    case.hold(8, b"eight")
    case.archive.write("kept", uid=uid(8), sha256=sha256(b"thgie"), status=SUCCESS)


def leave_a_row(case: Case) -> None:
    case.hold(8, b"eight")
    case.path(8).unlink()


def leave_a_file(case: Case) -> None:
    case.write(8, b"eight")


def leave_half_a_file(case: Case) -> None:
    (case.data_dir / "incoming" / "half.part").write_bytes(b"half")


def leave_a_file_without_its_end(case: Case) -> None:
    case.hold(8, b"eight")
    case.path(8).write_bytes(case.path(8).read_bytes()[:140])


def lose_the_database(case: Case) -> None:
    (case.data_dir / "index.sqlite").write_bytes(b"not a database, " * 64)


def answer_twice(case: Case) -> None:
    case.client.write("answered", uid=uid(1), sha256=sha256(b"one"), status=SUCCESS)


def keep_half_of_an_unknown(case: Case) -> None:
    case.answer(8, b"eight", None)
    case.hold(8, b"eig")


def keep_what_was_refused(case: Case) -> None:
    case.answer(8, b"eight", REFUSED)
    case.hold(8, b"eight")


def send_what_nobody_sent(case: Case) -> None:
    case.archive.write("kept", uid=uid(99), sha256=sha256(b""), status=SUCCESS)


@pytest.mark.parametrize(
    ("plant", "broken"),
    [
        (lose, {"I1", "I2"}),
        (lose_what_was_kept_with_other_bytes, {"I1", "I3"}),
        (replace_by_other_bytes, {"I1", "I3", "I4", "I5"}),
        (lose_a_capture, {"I1", "I2"}),
        (delete_unpromised, {"I1", "I2"}),
        (delete_a_capture_unpromised, {"I2"}),
        (see_an_unpromised_deletion, {"I2"}),
        (send_other_bytes, {"I3"}),
        (send_a_capture_changed, {"I3"}),
        (leave_a_row, {"I4"}),
        (leave_a_file, {"I4"}),
        (leave_half_a_file, {"I4"}),
        (leave_a_file_without_its_end, {"I4"}),
        (lose_the_database, {"I4"}),
        (answer_twice, {"I5"}),
        (keep_half_of_an_unknown, {"I3", "I5"}),
        (keep_what_was_refused, {"I5"}),
        (send_what_nobody_sent, {"I5"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_each_broken_promise_is_found(
    case: Case, plant: Callable[[Case], None], broken: set[str]
) -> None:
    """Lost, deleted early, changed, in halves or of unknown origin: found, and nothing else is."""
    plant(case)
    assert {promise for promise, found in case.verdict().items() if found} == broken


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_real_node_is_judged_well_until_a_file_of_it_goes(tmp_path: Path) -> None:
    """The folder of an `echonode run` is what the judge takes it for; running and killed."""
    book = Book(tmp_path / "client.book")
    with EchoNodeProcess(peers=peers_for(1), folder=tmp_path) as node:
        with Client(node.port) as client:
            client.associate()
            for _ in range(3):
                instance = small_instance(pixels=100)
                key = {"uid": instance.sop_instance_uid, "sha256": instance.sha256}
                book.write("offered", **key)
                book.write("answered", **key, status=client.store(instance))
            client.release()
        book.close()

        def verdict() -> dict[str, list[str]]:
            return judged(data_dir=node.data_dir, books=[book.path], required={})

        assert verdict() == NOTHING
        node.kill()
        assert verdict() == NOTHING
        node.stored_files()[0].unlink()
        assert {promise for promise, found in verdict().items() if found} == {"I1", "I2", "I4"}

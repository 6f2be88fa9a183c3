"""What the next start makes of a data folder, against what the books say: the words for all that
is wrong.

The start is the real one (`Store.open`, with its recovery) and a second one after it. Between them
the folder is at rest, and is looked at by others: by the judge (judge.py), which shares no code
with EchoNode, for I1 to I5, and here by SQLite alone for what the judge does not know.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from echonode.errors import StoreLocked
from echonode.store.store import Store
from echonode.store.values import RecoveryReport
from tests.faults.judging import evidence, judge
from tests.faults.judging.journal_check import disagreements
from tests.faults.lives.durable import COUNTER, DESTINATION, NOT_FORWARDED
from tests.unit.store.samples import Clock

Lines = Sequence[Mapping[str, Any]]
# What a start may take, of the processor's time: what else the machine does must not count.
RESTART_S = 5.0
_LOCK_S = 10.0
_KNOWN = "SELECT sop_instance_uid FROM tombstone UNION SELECT sop_instance_uid FROM instance"
# All but one of a life (lives/durable.py) is to be sent.
_NOWHERE = f"""
SELECT sop_instance_uid FROM instance
WHERE NOT (origin = 'received' AND sop_instance_uid = '{NOT_FORWARDED}')
AND id NOT IN (SELECT instance_id FROM delivery)"""


def violations(data_dir: Path, lines: Lines, book: Path) -> list[str]:
    """Start twice, and say what is wrong. book: where `lines` may be written down."""
    try:
        return list(_violations(data_dir, lines, book))
    except Exception as error:  # noqa: BLE001  # whatever it is, the start failed
        return [f"the start failed: {type(error).__name__}: {error}"]


def _violations(data_dir: Path, lines: Lines, book: Path) -> Iterator[str]:
    began = time.process_time()
    recovery = start(data_dir)
    if time.process_time() - began > RESTART_S:
        yield f"the start took {time.process_time() - began:.1f} s"
    if recovery.missing:
        yield f"rows without their files: {recovery.missing}"
    if list(data_dir.glob("damaged-*")):
        yield "the database was damaged"
    yield from _by_judge(data_dir, lines, book)
    yield from _by_sqlite(data_dir / "index.sqlite", lines)
    again = start(data_dir)
    if again != RecoveryReport():
        yield f"a second start still had something to mend: {again}"
    yield from disagreements(data_dir)


def violations_without_index(data_dir: Path, lines: Lines, book: Path) -> list[str]:
    """The same of a folder whose index was lost as well: what files and journal must still say.

    The journal may lack what changed in the last half second; the files' seals lack nothing.
    """
    try:
        return list(_violations_without_index(data_dir, lines, book))
    except Exception as error:  # noqa: BLE001  # whatever it is, the start failed
        return [f"the start without an index failed: {type(error).__name__}: {error}"]


def _violations_without_index(data_dir: Path, lines: Lines, book: Path) -> Iterator[str]:
    recovery = start(data_dir, adopt_to=(), late=True)
    if recovery.without_seal or recovery.seal_broken:
        yield f"files whose seals are not theirs: {recovery.without_seal}, {recovery.seal_broken}"
    yield from _by_judge(data_dir, lines, book)
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        known = _column(connection, _KNOWN)
        yield from (
            f"the deletion of {uid} is forgotten" for uid in _said(lines, "deleted", "uid") - known
        )
        yield from (f"nothing says where to send {uid}" for uid in _column(connection, _NOWHERE))
    again = start(data_dir, adopt_to=(), late=True)
    if again != RecoveryReport():
        yield f"a second start still had something to mend: {again}"
    yield from disagreements(data_dir)


def start(
    data_dir: Path, adopt_to: Sequence[str] = (DESTINATION,), *, late: bool = False
) -> RecoveryReport:
    """A start and a stop. The holder of the lock is dead, but perhaps not yet for the kernel.

    late: at a time after all that was stored.
    """
    clock = Clock()
    clock.pass_(hours=int(late))
    deadline = time.monotonic() + _LOCK_S
    while True:
        try:
            with Store.open(data_dir, adopt_to=adopt_to, now=clock) as store:
                return store.recovery.report
        except StoreLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _by_judge(data_dir: Path, lines: Lines, book: Path) -> Iterator[str]:
    """One book for all: clients and archive have no kind of line in common."""
    book.write_text("".join(json.dumps(line) + "\n" for line in lines))
    verdict = judge.judge(
        evidence.read_folder(data_dir),
        evidence.read_clients([book]),
        {DESTINATION: evidence.read_archive(book)},
    )
    for promise, broken in verdict.items():
        yield from (f"{promise}: {what}" for what in broken)


def _by_sqlite(database: Path, lines: Lines) -> Iterator[str]:
    with closing(sqlite3.connect(database)) as connection:
        for check in ("integrity_check", "foreign_key_check"):
            found = connection.execute(f"PRAGMA {check}").fetchall()
            if found not in ([("ok",)], []):
                yield f"{check}: {found[:3]}"
        yield from _forgotten(connection, lines)


def _forgotten(connection: sqlite3.Connection, lines: Lines) -> Iterator[str]:
    """What was said to peers and archives, and is not known any more."""
    promised: set[str] = set()
    for line in lines:
        match line["kind"]:
            case "reported" if line["status"] == 0:
                promised |= set(line["committed"])
            case "offered":  # it may be here anew, and is to be sent anew then
                promised.discard(line["uid"])
    yield from (f"I1: the promise for {uid} is forgotten" for uid in promised - _proved(connection))
    said = {kind: _said(lines, kind, "transaction") for kind in ("asked", "owed")}
    for kind, table in (("asked", "commitment_transaction"), ("owed", "inbound_commitment")):
        known = _column(connection, f"SELECT transaction_uid FROM {table}")
        yield from (f"{kind} {uid} is forgotten" for uid in said[kind] - known)
    counted = max(_said(lines, "counted", "number"), default=0)
    known = _column(connection, f"SELECT value FROM counter WHERE name = '{COUNTER}'")
    if counted > max(known, default=0):
        yield f"the number {counted} would be given out again"
    yield from (f"nothing says where to send {uid}" for uid in _column(connection, _NOWHERE))
    here = _column(connection, "SELECT sop_instance_uid FROM instance")
    yield from (f"{uid} was deleted and is back" for uid in _deleted(lines) & here)
    if "sending" in _column(connection, "SELECT state FROM delivery"):
        yield "a delivery is left half-way"


def _deleted(lines: Lines) -> set[Any]:
    """What was deleted, and not sent to us again."""
    deleted: set[Any] = set()
    for line in lines:
        if line["kind"] == "deleted":
            deleted.add(line["uid"])
        elif line["kind"] == "offered":
            deleted.discard(line["uid"])
    return deleted


def _said(lines: Lines, kind: str, key: str) -> set[Any]:
    return {line[key] for line in lines if line["kind"] == kind}


def _proved(connection: sqlite3.Connection) -> set[Any]:
    """Of what the node knows that the archive keeps it, here or deleted."""
    return _column(
        connection,
        "SELECT sop_instance_uid FROM tombstone UNION "
        "SELECT sop_instance_uid FROM instance JOIN delivery ON instance_id = instance.id "
        "WHERE delivery.state = 'committed'",
    )


def _column(connection: sqlite3.Connection, statement: str) -> set[Any]:
    return {row[0] for row in connection.execute(statement)}

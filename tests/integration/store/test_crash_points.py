"""Refused by the disk at each system call that makes things durable: nothing is lost.

The faults are injected by strace into a process of its own; what it had acknowledged on its stdout
is compared with what the next start finds. Kills at these calls: tests/faults/test_kills.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echonode.errors import StoreLocked
from echonode.store.store import Store
from echonode.store.values import RecoveryReport
from tests.faults.programme import FULL, UNCERTAIN_COMMITS
from tests.peers.fixtures import require_program

ROOT = Path(__file__).resolve().parents[3]
COUNT = 3
EVERY = 1 if FULL else 3
# System call -> which of its first calls are tried. pwrite64 is SQLite's, dozens for each COMMIT;
# the others are all there are, and on every change each third one of them.
REFUSALS = {
    "write": range(1, 8, EVERY),
    "fsync": range(1, 10, EVERY),
    "fdatasync": range(1, 13, EVERY),
    "rename": range(1, COUNT + 1),
    "link": range(1, COUNT + 1),
    "pwrite64": range(1, 60, 10),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has been started once, so that calls of its making are not counted."""
    folder = tmp_path_factory.mktemp("template") / "var"
    Store.open(folder).close()
    return folder


def run_with(strace: str, fault: str, data_dir: Path, *options: str) -> dict[str, str]:
    """Run the storing process under a fault; returns what it acknowledged: UID -> hash."""
    done = subprocess.run(
        [
            *(strace, "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"inject={fault}"),
            *(sys.executable, "-B", "-m", "tests.integration.store.storing_child"),
            *(str(data_dir), str(COUNT), *options),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
    # The last line may be cut by the kill; then nobody was told.
    whole = [line.split() for line in done.stdout.splitlines(keepends=True) if line.endswith("\n")]
    return dict(whole)


def open_after_death(data_dir: Path) -> Store:
    """The next start, when the lock is free: strace may end a moment before the kernel has let the
    dead one's go, and a child that the other thread just forked has ours until it has exec'ed."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return Store.open(data_dir, adopt_to=["pacs"])
        except StoreLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def violations(data_dir: Path, acknowledged: dict[str, str]) -> Iterator[str]:
    """What is wrong after the next start: I1 (nothing lost) and I4 (rows and files agree)."""
    with open_after_death(data_dir) as store:
        if store.recovery.report.missing:
            yield "rows without their files"
        held = {row.sop_instance_uid: row for row in store.ledger.rows()}
        for uid, digest in acknowledged.items():
            kept = store.index.instance(uid)
            if kept is None or kept.dataset_sha256 != digest:
                yield f"{uid} was acknowledged and is not held"
            elif held[uid].state != "queued":
                yield f"{uid} is held but not queued"
        for uid in held:
            instance = store.index.instance(uid)
            assert instance is not None
            store.files.check_bytes(instance)
        with store._readers.connect() as connection:
            if connection.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
                yield "the database is damaged"
        rows = len(held)
    files = len([path for path in (data_dir / "instances").rglob("*") if path.is_file()])
    if files != rows:
        yield f"{rows} rows, {files} files"
    if any(path for name in ("incoming", "pool") for path in (data_dir / name).iterdir()):
        yield "partial files are left"
    with open_after_death(data_dir) as store:
        if store.recovery.report != RecoveryReport():
            yield "a second start still had something to mend"


def run_all(
    faults: list[str], template: Path, folder: Path, *options: str
) -> dict[str, tuple[int, list[str]]]:
    """Each fault on its own copy: fault -> (how many acknowledged, violations)."""
    strace = require_program("strace")

    def run(fault: str) -> tuple[int, list[str]]:
        data_dir = folder / fault.replace(":", "_").replace("=", "_")
        shutil.copytree(template, data_dir)
        acknowledged = run_with(strace, fault, data_dir, *options)
        found = list(violations(data_dir, acknowledged))
        shutil.rmtree(data_dir)
        return len(acknowledged), found

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(faults, pool.map(run, faults), strict=True))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_refusal_of_the_disk_loses_nothing_and_stops_nothing(
    template: Path, tmp_path: Path
) -> None:
    """The n-th write, fsync or rename fails once: answered A700, sent again, then stored."""
    faults = [
        f"{call}:error={('EIO', 'ENOSPC')[n % 2]}:when={n}"
        for call, counts in REFUSALS.items()
        for n in counts
    ]
    results = run_all(faults, template, tmp_path)
    assert {fault: found for fault, (_, found) in results.items() if found} == {}
    stored = {fault: acknowledged for fault, (acknowledged, _) in results.items()}
    # A refusal during the start stops the process before the first instance, and one may hit the
    # acknowledgement itself; no other costs any instance.
    assert {fault: n for fault, n in stored.items() if n not in (0, COUNT - 1, COUNT)} == {}
    assert list(stored.values()).count(COUNT) > len(stored) / 2


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_commit_that_the_disk_broke_off_and_then_a_kill_part_no_row_from_its_file(
    template: Path, tmp_path: Path
) -> None:
    """Two faults: EIO within a COMMIT, and the process dies. Whether the row is there shows only at
    the next start, so the file must have stayed: with the row it is whole, without it is adopted.
    """
    faults = [
        f"{call}:error=EIO:when={n}"
        for call, counts in (
            ("fdatasync", range(1, 13, EVERY)),
            ("pwrite64", range(1, 60, UNCERTAIN_COMMITS.count)),
        )
        for n in counts
    ]
    results = run_all(faults, template, tmp_path, "dies")
    assert {fault: found for fault, (_, found) in results.items() if found} == {}
    assert any(0 < acknowledged < COUNT for acknowledged, _ in results.values())

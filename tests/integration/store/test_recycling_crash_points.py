"""Refused by the disk at each system call of a deletion: no copy goes without proof.

Injected by strace as in test_crash_points. Kills: tests/faults/test_kills.py, test_delivery_kills.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echonode.store.store import Store
from tests.integration.store.recycling_child import POLICY
from tests.integration.store.test_crash_points import EVERY, ROOT, open_after_death
from tests.peers.fixtures import require_program
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import Clock, dataset, put, put_many

PROMISED = 3
FAULTS = {
    "fsync": range(1, 8, EVERY),
    "fdatasync": range(1, 6, EVERY),
    "rename": range(1, PROMISED + 1),
    "unlink": range(1, 6, EVERY),
    "pwrite64": range(1, 40, 4 * EVERY),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three instances that the archive has committed, and one that it has not."""
    folder = tmp_path_factory.mktemp("template") / "var"
    with Store.open(folder, now=Clock()) as store:
        put_many(store, PROMISED, "pacs")
        commit_all(store, Clock())
        put(store, dataset(PROMISED + 1), destinations=["pacs"])
    return folder


def violations(data_dir: Path, left: Counter[int]) -> Iterator[str]:
    """What is wrong after the next start; `left` counts how many files there were then."""
    with open_after_death(data_dir) as store:
        if (
            store.recovery.report.missing
            or store.recovery.report.adopted
            or store.recovery.report.orphans_quarantined
        ):
            yield f"the start had to mend {store.recovery.report}"
        rows = {row.sop_instance_uid: row for row in store.ledger.rows()}
        if sorted(rows) != [f"1.2.3.4.{n}" for n in range(1, PROMISED + 2)]:
            yield f"the ledger has {sorted(rows)}"
        here = [uid for uid in rows if store.index.instance(uid) is not None]
        for uid in here:
            instance = store.index.instance(uid)
            assert instance is not None
            store.files.check_bytes(instance)
        if any(rows[uid].state != "committed" for uid in rows.keys() - here):
            yield "a copy went without its proof"
        if f"1.2.3.4.{PROMISED + 1}" not in here:
            yield "the one that nobody promised is gone"
        files = [path for path in data_dir.rglob("*.dcm") if path.is_file()]
        if len(files) != len(here):
            yield f"{len(here)} rows, {len(files)} files"
        left[len(here)] += 1
        store.retention.observe(60)
        store.retention.recycle(POLICY, now=Clock()())
        if [path for path in data_dir.rglob("*.dcm") if path.is_file()] != [
            instance.path
            for instance in [store.index.instance(f"1.2.3.4.{PROMISED + 1}")]
            if instance is not None
        ]:
            yield "what was left could not be let go afterwards"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_deletion_that_fails_anywhere_is_whole_or_undone(template: Path, tmp_path: Path) -> None:
    """I1, I2 and I4 after each: rows and files agree, and only what was promised has gone."""
    strace = require_program("strace")
    left: Counter[int] = Counter()

    def run(fault: str) -> list[str]:
        data_dir = tmp_path / fault.replace(":", "_").replace("=", "_")
        shutil.copytree(template, data_dir)
        subprocess.run(
            [
                *(strace, "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"inject={fault}"),
                *(sys.executable, "-B", "-m", "tests.integration.store.recycling_child"),
                str(data_dir),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        return list(violations(data_dir, left))

    faults = [f"{call}:error=EIO:when={n}" for call, counts in FAULTS.items() for n in counts]
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(faults, pool.map(run, faults), strict=True))
    assert {fault: found for fault, found in results.items() if found} == {}
    # The faults did fall before the deletion, and after it.
    assert {1, PROMISED + 1} <= set(left)

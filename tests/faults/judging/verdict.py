"""Asks the judge, a process of its own, for its verdict on a node."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.peers.node_process import ROOT

PATIENCE_S = 300.0


def judged(
    *, data_dir: Path, books: Sequence[Path], required: Mapping[str, Path]
) -> dict[str, list[str]]:
    """What breaks each promise (I1 to I5, see judge.py): every list is empty when all is well.

    books: of clients. required: an archive that must keep what has left the node -> its book.
    Prints what was counted. Raises RuntimeError when the judge itself fails.
    """
    return _judged(["--data", str(data_dir)], books, required)


def judged_together(
    *, database: str, bucket: str, books: Sequence[Path], required: Mapping[str, Path]
) -> dict[str, list[str]]:
    """The same of nodes that share a PostgreSQL and a bucket (shared_evidence.py)."""
    return _judged(["--shared", database, bucket], books, required)


def _judged(
    where: Sequence[str], books: Sequence[Path], required: Mapping[str, Path]
) -> dict[str, list[str]]:
    command = [sys.executable, "-m", "tests.faults.judging.judge", *where]
    for book in books:
        command += ["--book", str(book)]
    for name, book in required.items():
        command += ["--required", f"{name}={book}"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"the judge failed: {done.stderr}")
    verdict: dict[str, list[str]] = json.loads(done.stdout)
    print(f"judged: {verdict.pop('counts')}")
    return verdict

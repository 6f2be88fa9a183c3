"""A process that begins lives: each stores and delivers, and says what its journal has by then.

    python -m tests.integration.store.journalling_child DATA_DIR

Each line of its stdin is the number of a life's first instance. Its stdout has the life's process
number, a line `UID` for each instance that was sent once the journal was brought up to that, and
`over` when the life was killed, which ends it. Forked, so that a life costs no imports.
"""

from __future__ import annotations

import itertools
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from echonode.store.store import Store
from tests.unit.store.samples import dataset, put, send_all


def main(data_dir: Path, first: int) -> None:
    with Store.open(data_dir) as store:
        for number in itertools.count(first):
            kept = put(store, dataset(number), destinations=["pacs"]).instance
            send_all(store, "pacs", datetime.now(UTC))
            if number % 5 == 4:
                store.journal.rewrite()
            store.journal.flush()
            os.write(1, f"{kept.sop_instance_uid}\n".encode())


def begin_lives(data_dir: Path) -> None:
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            main(data_dir, int(line))
        os.write(1, f"{pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"over\n")


if __name__ == "__main__":
    begin_lives(Path(sys.argv[1]))

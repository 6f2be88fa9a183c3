"""A process that stores instances and says, after each, that it is acknowledged. Dies by strace.

    python -m tests.integration.store.storing_child DATA_DIR COUNT [dies]

Each second one comes from a peer. Its stdout stands for the peer that got success: a line
`UID SHA256` for each instance. When the disk refuses, it tries the same instance again, as a peer
that was answered A700 would; with `dies` it is killed at that moment, before it can do anything
else.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.store.store import Store
from tests.unit.store.samples import dataset, put

TRIES = 5


def main(data_dir: Path, count: int, *, dies: bool) -> None:
    with Store.open(data_dir, adopt_to=["pacs"]) as store:
        for number in range(1, count + 1):
            for _ in range(TRIES):
                try:
                    kept = put(
                        store,
                        dataset(number),
                        destinations=["pacs"],
                        source_ae_title="" if number % 2 else "SENDER",
                    ).instance
                except OutOfSpace:
                    if dies:
                        os.kill(os.getpid(), signal.SIGKILL)
                    continue
                line = f"{kept.sop_instance_uid} {kept.dataset_sha256}\n"
                with suppress(OSError):  # the fault may hit this write: then nobody was told
                    os.write(1, line.encode())
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), dies="dies" in sys.argv[3:])

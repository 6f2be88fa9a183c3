"""A process that lets promised instances go. Dies by strace.

    python -m tests.integration.store.recycling_child DATA_DIR

What it says on its stdout, a UID a line, counts for nothing: what is durable is what is asked.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.model.identity import CommitmentPolicy
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store

POLICY = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})


def main(data_dir: Path) -> None:
    with Store.open(data_dir, adopt_to=["pacs"]) as store:
        store.retention.observe(60)
        for _ in range(3):
            with suppress(OutOfSpace):
                for gone in store.retention.recycle(POLICY, now=datetime.now(UTC)):
                    sys.stdout.write(f"{gone.sop_instance_uid}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

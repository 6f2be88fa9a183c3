"""`echonode` that deletes at once what it may, with the defect ECHONODE_TEST_DEFECT, if any.

What it does every minute it does five times a second, so that what may be deleted is; an
association to an archive is let go as soon as it is idle; and a request for commitment names
ECHONODE_TEST_ASK instances at most. Nothing else of the node is changed.
"""

from __future__ import annotations

import functools
import os

from echonode.cli import main
from echonode.node import archives
from echonode.node.settings import parts as node_parts
from tests.faults.nodes.accepts_any_report import DEFECTS

LOOK_EVERY_S = 0.2
LINGER_S = 0.1


def run() -> None:
    most = int(os.environ["ECHONODE_TEST_ASK"])
    node_parts.Housekeeping = functools.partial(node_parts.Housekeeping, every_s=LOOK_EVERY_S)
    archives.DeliveryServices = functools.partial(archives.DeliveryServices, linger_s=LINGER_S)
    archives.CommitmentSCU = functools.partial(
        archives.CommitmentSCU, instances_per_transaction=most
    )
    DEFECTS[os.environ.get("ECHONODE_TEST_DEFECT", "")]()
    main()


if __name__ == "__main__":
    run()

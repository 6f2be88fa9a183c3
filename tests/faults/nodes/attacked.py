"""The nodes that are attacked."""

from __future__ import annotations

from tests.faults.judging.oracle import PROBER
from tests.peers.node_process import EchoNodeProcess

SERVICES = ["echo", "store", "find", "move", "get", "commit"]


def peers_for(callers: int) -> dict[str, dict[str, object]]:
    """The prober, SCU, and SCU0, SCU1 ...: as many `callers`, each allowed every service."""
    titles = [PROBER, "SCU", *(f"SCU{number}" for number in range(callers))]
    return {
        title.lower(): {"ae_title": title, "host": "127.0.0.1", "port": 104, "may": SERVICES}
        for title in titles
    }


class ChangedLimitsNode(EchoNodeProcess):
    """A node with the network limits of ECHONODE_TEST_LIMITS (see nodes/changed_limits.py)."""

    module = "tests.faults.nodes.changed_limits"


class OftenLookingNode(EchoNodeProcess):
    """A node that looks at its disk more often than once a minute (see nodes/looking_often.py)."""

    module = "tests.faults.nodes.looking_often"


class LyingNode(EchoNodeProcess):
    """A node with the defect that ECHONODE_TEST_DEFECT names (see nodes/lying.py)."""

    module = "tests.faults.nodes.lying"

"""`echonode`, its network limits changed by the JSON in ECHONODE_TEST_LIMITS; nothing else is.

For deadlines and sizes that a test on every change cannot wait for or fill.
"""

from __future__ import annotations

import json
import os

from echonode.cli import main
from echonode.dimse.limits import Limits
from echonode.node import node


def run() -> None:
    limits = Limits(**json.loads(os.environ["ECHONODE_TEST_LIMITS"]))
    node.listener_limits = lambda config, descriptors: limits
    main()


if __name__ == "__main__":
    run()

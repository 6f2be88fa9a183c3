"""A sender in a process of its own: `python -m tests.benchmarks.worker ENGINE`.

It imports its engine at the start, so that no import is timed, then does one errand for each JSON
line on stdin and answers with one on stdout. What goes wrong ends it with a traceback in its log,
which the harness shows.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any, Final

from tests.benchmarks.work import Address, Errand

ENGINES: Final = {
    "echonode": "tests.benchmarks.echonode_engine",
    "stock": "tests.benchmarks.stock_engine",
    "wire": "tests.benchmarks.wire_client",
}


def main() -> None:
    """Serve until stdin ends."""
    engine = importlib.import_module(ENGINES[sys.argv[1]])
    _say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        address = Address(**order["address"])
        if "errand" in order:
            _say({"statuses": engine.send(Errand(**order["errand"]), address)})
        else:
            _say({"median_s": engine.echo_median_s(address, order["echoes"])})


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

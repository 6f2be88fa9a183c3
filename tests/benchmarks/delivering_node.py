"""The delivering half of a node, in a process of its own: store, worker, network.

For each errand that comes as a JSON line on stdin a new store is filled with its files; when that
is said on stdout, the next line starts the worker, and the answer comes when every delivery is
`sent`, durably. Each errand begins like a node at its start: with two associations, and finding out
by itself how many more are worth having.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from echonode.log import configure
from echonode.model.delivery import DeliveryState
from tests.benchmarks.work import Address, Errand
from tests.integration.delivery.delivery_fixture import DeliveryFixture

PEER = "archive"
_LOOK_EVERY_S = 0.005


_answers = sys.stdout


def main() -> None:
    """Serve until stdin ends."""
    sys.stdout = sys.stderr  # for its log, which is written as a node's is
    configure()
    _say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="delivering-") as folder:
            _deliver(Path(folder), Errand(**order["errand"]), Address(**order["address"]))


def _deliver(folder: Path, errand: Errand, address: Address) -> None:
    delivery = DeliveryFixture(folder)
    try:
        delivery.put([Path(file) for file in errand.files], [PEER])
        os.sync()  # what filling it left to be written back is no part of the delivery
        _say({"filled": True})
        sys.stdin.readline()
        delivery.deliver_to(PEER, address.port, ae_title=address.called)
        _say(_wait(delivery, len(errand.files)))
    finally:
        delivery.close()


def _wait(delivery: DeliveryFixture, count: int) -> dict[str, Any]:
    while True:
        states = delivery.states(PEER)
        held = states.get(DeliveryState.HELD, 0)
        if states.get(DeliveryState.SENT, 0) + held == count:
            return {"held": held}
        time.sleep(_LOOK_EVERY_S)


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True, file=_answers)


if __name__ == "__main__":
    main()

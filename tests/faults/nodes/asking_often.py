"""`echonode` that asks archives about rejection notes within seconds instead of a day; nothing else
differs."""

from __future__ import annotations

import echonode.node.exams
from echonode.cli import main
from echonode.exam import rejection_check

LOOKS_S = (0.5, 1.0, 1.5)


def run() -> None:
    assert len(LOOKS_S) == len(rejection_check.LOOKS_S)
    rejection_check.LOOKS_S = LOOKS_S
    echonode.node.exams.LOOK_EVERY_S = 0.5
    main()


if __name__ == "__main__":
    run()

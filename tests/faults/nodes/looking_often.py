"""`echonode` whose housekeeping looks every ECHONODE_TEST_LOOK_S seconds; nothing else differs."""

from __future__ import annotations

import os

from echonode.cli import main
from echonode.maintenance.housekeeping import Housekeeping


def run() -> None:
    defaults = Housekeeping.__init__.__kwdefaults__
    assert defaults is not None
    defaults["every_s"] = float(os.environ["ECHONODE_TEST_LOOK_S"])
    main()


if __name__ == "__main__":
    run()

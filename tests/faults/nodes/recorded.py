"""`echonode` in a hurry, with ballast of a few kilobytes, whose disk is recorded call by call.

ECHONODE_TEST_DEFECT names a defect, to see that the power cuts bring it to light.
"""

from __future__ import annotations

import functools
import os
import threading

from echonode.cli import main
from echonode.intake.storage_scp import StorageSCP
from echonode.model.status import SUCCESS
from echonode.node import archives
from echonode.node.settings import parts as node_parts
from echonode.store.files import reserve as disk_reserve
from echonode.store.files.incoming_file import Incoming
from echonode.store.files.seal import SealFacts
from tests.faults.nodes.deletes_at_once import LINGER_S, LOOK_EVERY_S

LATE_S = 0.05
_commit = StorageSCP.store


def _no_file_fsync() -> None:
    def seal(self: Incoming, facts: SealFacts, *, durable: bool = True) -> None:
        file = self._open_file()
        self._write_seal(file, facts)
        file.flush()
        file.close()
        self._file = None

    Incoming.seal = seal


def _answer_before_commit() -> None:
    """The answer goes out at once, and the work is done a moment later."""

    def store(self: StorageSCP, request: object) -> int:
        threading.Timer(LATE_S, _commit, (self, request)).start()
        return SUCCESS

    StorageSCP.store = store


DEFECTS = {
    "": lambda: None,
    "no fsync of the file": _no_file_fsync,
    "answer before the commit": _answer_before_commit,
}


def run() -> None:
    disk_reserve.FILE_BYTES = 4_096
    node_parts.Housekeeping = functools.partial(node_parts.Housekeeping, every_s=LOOK_EVERY_S)
    archives.DeliveryServices = functools.partial(archives.DeliveryServices, linger_s=LINGER_S)
    DEFECTS[os.environ.get("ECHONODE_TEST_DEFECT", "")]()
    main()


if __name__ == "__main__":
    run()

"""`echonode` with the defect that ECHONODE_TEST_DEFECT names, to see that the oracle finds it."""

from __future__ import annotations

import os
import time

from echonode.cli import main
from echonode.dimse.association.listener import Listener
from echonode.intake.storage_scp import StorageSCP
from echonode.model.status import SUCCESS
from echonode.store.files.incoming_file import Incoming


def _acknowledge_only(self: StorageSCP, request: object) -> int:
    request.incoming.discard()
    return SUCCESS


def _append_something_else(self: Incoming, data: bytes) -> None:
    _write(self, bytes(data)[:-1] + b"?")


def _accept_late(self: Listener) -> object:
    """Once, and later than any load of the machine explains."""
    Listener.get_request = _accept
    time.sleep(8.0)
    return _accept(self)


_write, _accept = Incoming.write, Listener.get_request


def run() -> None:
    match os.environ["ECHONODE_TEST_DEFECT"]:
        case "acknowledges without keeping":
            StorageSCP.store = _acknowledge_only
        case "keeps other bytes":
            Incoming.write = _append_something_else
        case "keeps half files":
            Incoming.discard = lambda self: None
        case "answers late":
            Listener.get_request = _accept_late
    main()


if __name__ == "__main__":
    run()

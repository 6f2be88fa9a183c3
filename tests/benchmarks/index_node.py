"""EchoNode's C-FIND service over a large index: `-m tests.benchmarks.index_node PORT FOLDER`.

The node's own acceptor, query service and store, read-only: opened for writing, the store would
find that a million files are missing.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from echonode import log
from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.model.identity import Peer, Service
from echonode.query_retrieve.find_scp import FindSCP
from echonode.store.read_only_store import open_read_only
from tests.benchmarks.diskless_receiver import SERVICES
from tests.benchmarks.work import CALLING_AE_TITLE

AE_TITLE = "INDEX"


def main() -> None:
    """Serve until SIGTERM."""
    log.configure(format="json", level="error")
    asker = Peer(
        name="bench",
        ae_title=CALLING_AE_TITLE,
        host="127.0.0.1",
        port=104,
        may=frozenset({Service.ECHO, Service.FIND}),
    )
    with open_read_only(Path(sys.argv[2])) as store:
        acceptor = Acceptor(
            ae_title=AE_TITLE,
            listeners=[ListenerAddress(host="127.0.0.1", port=int(sys.argv[1]))],
            peers=[asker],
            services=replace(SERVICES, find=FindSCP(store.index.find, ae_title=AE_TITLE)),
        )
        stopping = threading.Event()
        signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
        acceptor.start()
        stopping.wait()
        acceptor.stop(2.0)


if __name__ == "__main__":
    main()

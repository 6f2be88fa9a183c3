"""EchoNode's C-FIND and QIDO-RS over a large index.

`-m tests.benchmarks.index_node PORT FOLDER WEB_PORT`. The node's own acceptor, web server, query
services and store, read-only: opened for writing, the store would
find that a million files are missing.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from starlette.routing import Route

from echonode import log
from echonode.dicomweb.routes import answered
from echonode.dicomweb.search import Searcher
from echonode.dicomweb.searching import search_handler
from echonode.dicomweb.streaming import FileThreads
from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.model.criteria import Level
from echonode.model.identity import Peer, Service
from echonode.query_retrieve.find_scp import FindSCP
from echonode.store.index.attribute_reader import AttributeReader
from echonode.store.index.reader import IndexReader
from echonode.store.read_only_store import open_read_only
from echonode.web.server import WebServer
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
        web = WebServer(host="127.0.0.1", port=int(sys.argv[3]), routes=[_studies(store.index)])
        stopping = threading.Event()
        signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
        acceptor.start()
        web.start()
        stopping.wait()
        web.stop(2.0)
        acceptor.stop(2.0)


def _studies(index: IndexReader) -> Route:
    """The search for studies, as DICOMweb has it."""
    searcher = Searcher(
        index.find_in_order, read_file=AttributeReader(index.select), ae_title=AE_TITLE
    )
    handler = search_handler(searcher, FileThreads(), Level.STUDY)
    return Route("/dicom-web/studies", answered(handler), methods=["GET"])


if __name__ == "__main__":
    main()

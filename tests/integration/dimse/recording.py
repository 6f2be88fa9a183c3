"""The bytes of an A-ASSOCIATE-RQ as our own requestor sends it, for raw sockets to replay."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

from echonode.dimse.contexts import ProposedContext
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.errors import AssociationLost
from tests.integration.dimse.parts import LOOPBACK, peer


def record_request(contexts: Sequence[ProposedContext]) -> bytes:
    """What SCU sends to ECHONODE to propose `contexts`."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        called = peer("node", ae_title="ECHONODE", port=port)
        requestor = Requestor(ae_title="SCU", limits=Limits(acse_s=5.0, linger_s=0.1))

        def ask() -> None:
            with contextlib.suppress(AssociationLost):
                requestor.associate(called, contexts)

        asking = threading.Thread(target=ask)
        asking.start()
        with server.accept()[0] as connection:
            header = connection.recv(6, socket.MSG_WAITALL)
            length = int.from_bytes(header[2:], "big")
            request = header + connection.recv(length, socket.MSG_WAITALL)
        asking.join()
    return request

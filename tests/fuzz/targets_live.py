"""Fuzz targets that listen: an association from its first byte to its last, and HTTP.

The listeners are the node's own parts on loopback ports, over a store in memory. They are started
by the first input and serve all the others.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.limits import Limits
from echonode.dimse.services import Services
from echonode.errors import OperatorRefused, UsageError
from echonode.intake.storage_scp import StorageSCP
from echonode.model.identity import Peer, Service
from echonode.model.patient import checked_patient
from echonode.query_retrieve.find_scp import FindSCP
from echonode.store.store import Store
from echonode.web.exams import exam_routes
from echonode.web.health import health_routes
from echonode.web.openapi.document import openapi_routes
from echonode.web.operator import operator_routes
from echonode.web.server import WebServer
from echonode.web.status import console_routes
from tests.fuzz import errors_logged
from tests.fuzz.target import Target
from tests.fuzz.targets_files import MEMORY
from tests.fuzz.targets_network import conversation, pdus_of
from tests.integration.dimse.parts import TinyArchive
from tests.peers.ports import LOOPBACK
from tests.unit.web.fake_exams import FakeApi
from tests.unit.web.test_status import STATUS

LIMITS = Limits(request_s=5.0, pdu_s=5.0, message_s=5.0, linger_s=0.5, pdu_bytes=65_536)
END_S = 20.0  # a connection whose caller has said its last word is over by then
_THREADS_LEFT = 4  # of associations that are just ending

_open = ExitStack()


def session(data: bytes) -> None:
    """The connection ends, C-ECHO is served as before, no error is logged, no thread stays.

    All that one caller says, from its A-ASSOCIATE-RQ on.
    """
    port = _dicom_port()
    _say(port, data)
    answer = _say(port, conversation_of_echo())
    assert [pdu[0] for pdu in pdus_of(answer) if pdu] == [0x02, 0x04, 0x06], answer[:200].hex()
    _until(lambda: _threads() <= _THREADS_LEFT, lambda: f"{_threads()} threads stay")
    errors_logged.raise_if_any()


def http(data: bytes) -> None:
    """Answers below 500 or an end, the page is served as before, and no error is logged."""
    port = _web_port()
    answer = _say(port, data)
    for line in answer.split(b"\r\n"):
        if line.startswith(b"HTTP/1.1 "):
            assert line[9:12] < b"500" or line[9:12] in (b"501", b"505"), line
    alive = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    assert _say(port, alive).startswith(b"HTTP/1.1 200 ")
    errors_logged.raise_if_any()


def conversation_of_echo() -> bytes:
    """The association of a C-ECHO and nothing more."""
    pdus = pdus_of(conversation())
    return pdus[0] + pdus[1] + pdus[-2]


def _say(port: int, data: bytes) -> bytes:
    """What comes back until the connection ends. Raises AssertionError where it does not."""
    answer = bytearray()
    with socket.create_connection((LOOPBACK, port), timeout=END_S) as line:
        with suppress(ConnectionError):
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
        try:
            while piece := line.recv(65_536):
                answer += piece
        except ConnectionError:
            pass
        except TimeoutError:
            raise AssertionError("the connection does not end") from None
    return bytes(answer)


def _threads() -> int:
    return sum(t.name.startswith("dimse acceptor ") for t in threading.enumerate())


def _until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + END_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.005)


@cache
def _dicom_port() -> int:
    errors_logged.watch()
    archive = TinyArchive()
    store = _open.enter_context(_new_store())
    storage = StorageSCP(store)
    find = FindSCP(store.index.find, ae_title="ECHONODE")
    acceptor = Acceptor(
        ae_title="ECHONODE",
        listeners=[ListenerAddress(host=LOOPBACK, port=0)],
        peers=[
            Peer(name="us", ae_title="SCU", host=LOOPBACK, port=1, may=frozenset(Service)),
        ],
        services=Services(
            open_incoming=storage.open_incoming,
            store=storage.store,
            find=find,
            move=archive.move,
            get=archive.get,
            commit_request=archive.commit_request,
            commit_report=archive.commit_report,
        ),
        limits=LIMITS,
    )
    acceptor.start()
    _open.callback(acceptor.stop, 5.0)
    return acceptor.addresses[0][1]


@cache
def _web_port() -> int:
    errors_logged.watch()
    server = WebServer(
        host=LOOPBACK,
        port=0,
        routes=[
            *health_routes(checks={"store": lambda: ""}, registry=CollectorRegistry()),
            *console_routes(
                status=lambda: STATUS,
                ledger=_ledger,
                recent=lambda _: [],
                thumbnail=lambda _: None,
            ),
            *operator_routes(act=_act, preflight=_preflight, acknowledge=lambda _: {}),
            *exam_routes(_Exams()),
            *openapi_routes(),
        ],
    )
    server.start()
    _open.callback(server.stop, 5)
    return server.address[1]


class _Exams(FakeApi):
    """Takes a typed patient as the node does."""

    def open(self, **given: Any) -> dict[str, Any]:
        checked_patient(given["patient"] or {}, today=date(2026, 11, 20))
        self.asked.clear()  # a long run remembers nothing
        return super().open(**given)


def _ledger() -> Iterator[dict[str, object]]:
    for n in range(20):
        yield {"sop_instance_uid": f"1.2.{n}", "stored_at": str(n)}


def _act(action: str, uid: str, name: str | None) -> dict[str, object]:
    if uid != "1.2.3":
        raise UsageError("there is no such instance")
    if name == "busy":
        raise OperatorRefused("not now")
    return {"changed": 1}


def _preflight(peer: str | None) -> dict[str, object]:
    return {"peer": peer}


def _new_store() -> Store:
    place = MEMORY if MEMORY.is_dir() else None
    folder = _open.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-", dir=place))
    return Store.open(Path(folder) / "data")


def _close() -> None:
    _open.close()
    _dicom_port.cache_clear()
    _web_port.cache_clear()


def _request(first: str, *headers: str, body: str = "") -> bytes:
    head = [first, "Host: 127.0.0.1:8080", *headers]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


_HTTP_SEEDS = (
    _request("GET / HTTP/1.1") + _request("GET /api/status HTTP/1.1", "Connection: close"),
    _request("GET /api/ledger?last=5 HTTP/1.1", "Accept: application/json"),
    _request("POST /api/instances/1.2.3/hold HTTP/1.1", body='{"destination": "pacs"}'),
    _request("POST /api/preflight HTTP/1.1", body='{"peer": null}'),
    _request(
        "POST /api/preflight HTTP/1.1",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    )
    + b"2\r\n{}\r\n0\r\n\r\n",
    _request(
        "POST /api/exams HTTP/1.1",
        body='{"probe": "a", "patient": {"id": "1", "name": {"alphabetic": "Doe^J"}, '
        '"birth_date": "1980-01-02", "sex": "F"}}',
    ),
    _request("POST /api/exams/E1/clips HTTP/1.1", body='{"seconds": 1e3, "from": "now"}'),
    _request("POST /api/exams/E1/correct HTTP/1.1", body='{"reason": "quality", "instances": [1]}'),
    _request("GET /metrics HTTP/1.1", "Origin: http://evil.example"),
    _request("GET /health/ready HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade"),
)
TARGETS = (
    Target(run=session, seeds=(conversation(),), cut=pdus_of, close=_close),
    Target(
        run=http,
        seeds=_HTTP_SEEDS,
        cut=lambda data: data.splitlines(keepends=True),
        close=_close,
    ),
)

"""The web server: Starlette on uvicorn, in one thread with an event loop of its own.

Rules
- The socket is bound by `start`, in the caller's thread: a port that is taken is the caller's
  OSError at once, and port 0 has become a real one when `start` returns.
- Routes run on the event loop when they are `async`, else in a worker thread; a route that reads
  the database is not `async`.
- Beyond this machine it serves only with `admission`, which asks who may call which route.
- How many connections there are, and how slow they may be, is connections.py's.
- `stop` ends the listener first, then lets answers finish, then breaks those that do not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from echonode.log import get_logger
from echonode.web.admission import Admission
from echonode.web.connections import Budget, LimitedProtocol, LimitedWebSocket
from echonode.web.cross_origin import SharedOrigins
from echonode.web.file_sending import Rooms, SendingPool, file_threads
from echonode.web.guard import Guard
from echonode.web.tls_listener import ServerCertificate, TlsListener

log = get_logger(__name__)

# Request line and headers of anything a browser or Prometheus sends fit in a quarter of this.
MAX_HEADER_BYTES = 64 * 1024
# A message of a viewer; nothing else comes over a WebSocket.
MAX_WEBSOCKET_BYTES = 512
PING_S = 15.0  # a viewer that is gone without a word is known to be so after twice that
KEEP_ALIVE_S = 15  # longer than the console's refresh, so that it reuses one connection


class _Server(uvicorn.Server):
    """uvicorn's server, which also says when it serves, and serves TLS by our own listener."""

    def __init__(self, config: uvicorn.Config, tls: ServerCertificate | None) -> None:
        super().__init__(config)
        self._tls = tls
        self.decided = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([] if self._tls else sockets)
        if self._tls:
            for listener in sockets or []:
                accepting = TlsListener(listener, self._tls, self._new_protocol)
                self.servers.append(accepting)  # type: ignore[arg-type]  # it is closed alike
                accepting.start()
        self.decided.set()

    def _new_protocol(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def _protocol(threads: Executor) -> type[asyncio.Protocol]:
    """The protocol of one server's connections, which share a budget and the threads for files."""
    budget, sending = Budget(), SendingPool(threads=threads, rooms=Rooms())

    class Limited(LimitedProtocol):
        def __init__(self, *values: Any, **keys: Any) -> None:
            super().__init__(*values, **keys, budget=budget, sending=sending)

    return Limited


class WebServer:
    """Serves `routes` on host:port from `start` until `stop`.

    admission: who may call which route; without it every caller may call every route, and the
    host must be a loopback address. tls: then it speaks nothing else.
    on_stop: ends the answers that have no end of their own.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        routes: Sequence[BaseRoute],
        allowed_hosts: Collection[str] = (),
        admission: Admission | None = None,
        tls: ServerCertificate | None = None,
        on_stop: Callable[[], None] = lambda: None,
        shared: SharedOrigins | None = None,
    ) -> None:
        if admission is None and not is_loopback(host):
            raise ValueError("beyond this machine, who may call what must be asked")
        self._on_stop = on_stop
        self._wanted = (host, port)
        self._tls = tls
        self._file_threads = file_threads()
        app = Starlette(
            routes=admission.guard(routes) if admission else routes,
            middleware=[
                Middleware(Guard, allowed_hosts=tuple(allowed_hosts), shared=shared),
            ],
        )
        self._config = uvicorn.Config(
            app,
            loop="asyncio",
            http=_protocol(self._file_threads),
            ws=LimitedWebSocket,
            ws_max_size=MAX_WEBSOCKET_BYTES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            ws_per_message_deflate=False,  # pictures are compressed
            interface="asgi3",
            lifespan="off",
            proxy_headers=False,  # no proxy is trusted to say who is asking
            server_header=False,
            access_log=False,
            log_config=None,
            # uvicorn's lines quote what the peer sent (CWE-117); failures are logged by Guard.
            log_level=logging.CRITICAL + 1,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._bound: tuple[str, int] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) as bound; port 0 has been resolved."""
        if self._bound is None:
            raise RuntimeError("the web server has not been started")
        return self._bound

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach it."""
        return is_loopback(self._wanted[0])

    def start(self) -> None:
        """Bind, and return once requests are answered. Raises OSError that names the address."""
        host, port = self._wanted
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family)
        except OSError as error:
            raise OSError(error.errno, f"web {host}:{port}: {error.strerror}") from None
        # Connections inherit it. asyncio sets it only on sockets whose protocol number is given,
        # and without it an answer of two writes waits for the client's delayed ACK: 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._bound = (host, int(listener.getsockname()[1]))
        self._server = _Server(self._config, self._tls)
        self._thread = threading.Thread(
            target=_serve, args=(self._server, listener), name="web", daemon=True
        )
        self._thread.start()
        self._server.decided.wait()
        if not self._server.started:
            raise OSError(f"web {host}:{port}: the server did not start; the log says why")

    def stop(self, deadline_s: float) -> None:
        """Stop within `deadline_s` seconds; answers still going out then are broken off."""
        if self._server is None or self._thread is None:
            return
        # uvicorn's own grace ends early enough to be joined before ours does.
        self._on_stop()
        self._config.timeout_graceful_shutdown = max(0, math.floor(deadline_s - 1))
        self._server.should_exit = True
        self._thread.join(deadline_s)
        self._file_threads.shutdown(wait=False)
        if self._thread.is_alive():
            log.warning("web_stop_overdue", deadline_s=deadline_s)


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach a socket that is bound to `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _serve(server: _Server, listener: socket.socket) -> None:
    """The thread's top: run the event loop until it is stopped."""
    try:
        server.run(sockets=[listener])
    except Exception:
        log.exception("web_server_failed")
    finally:
        listener.close()
        server.decided.set()

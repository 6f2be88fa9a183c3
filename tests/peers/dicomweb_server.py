"""A DICOMweb server that answers as a test tells it, for what Orthanc does not do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.peers.ports import LOOPBACK

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scripted:
    """One answer: body as JSON, None for none."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


class ScriptedDicomweb:
    """`answer` gets each request, and returns what is answered; `seen` has them in order."""

    def __init__(self, answer: Callable[[Seen], Scripted]) -> None:
        self.seen: list[Seen] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                url = urlsplit(self.path)
                request = Seen(
                    method=self.command,
                    path=url.path,
                    query=parse_qs(url.query),
                    headers=dict(self.headers),
                    body=body,
                )
                seen.append(request)
                given = answer(request)
                content = b"" if given.body is None else json.dumps(given.body).encode()
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _any  # noqa: N815  # the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def entry(uid: str, *, failure: int | None = None, warning: int | None = None) -> Json:
    """One item of the Failed or the Referenced SOP Sequence (PS3.18 table 10.5.3-2)."""
    found: dict[str, Json] = {"00081155": {"vr": "UI", "Value": [uid]}}
    if failure is not None:
        found["00081197"] = {"vr": "US", "Value": [failure]}
    if warning is not None:
        found["00081196"] = {"vr": "US", "Value": [warning]}
    return found


def stored(*entries: Json) -> Json:
    """The Referenced SOP Sequence."""
    return {"00081199": {"vr": "SQ", "Value": list(entries)}}


def failed(*entries: Json) -> Json:
    """The Failed SOP Sequence."""
    return {"00081198": {"vr": "SQ", "Value": list(entries)}}


def found(uid: str) -> list[Json]:
    """The results of a query that finds one instance."""
    return [{"00080018": {"vr": "UI", "Value": [uid]}}]

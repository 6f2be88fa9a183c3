"""The running node on this machine, asked by the commands over HTTP or HTTPS.

Rules
- The commands show the key that the node wrote into data_dir (node/local_key.py), and need no user.
  Who may not read it asks without, which a node without users answers on loopback.
- The key goes to the node of this configuration alone: by TLS the certificate is compared with the
  file that it names, so its authority and its dates do not matter.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from echonode.config import Config, Web
from echonode.errors import Doubtful, NodeNotAsked, OperatorRefused, UsageError
from echonode.node.local_key import read_local_key

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
# The command's arguments do not fit: exit status 2, as with the node stopped.
_BAD_REQUEST = frozenset({400, 404})
_UNAUTHORIZED = 401
_CONFLICT = 409


def get(config: Config, path: str, *, timeout_s: float) -> Any:
    """GET from the node; as `post`."""
    return _ask(config, "GET", path, None, timeout_s)


def delete(config: Config, path: str, *, timeout_s: float) -> Any:
    """DELETE at the node; as `post`."""
    return _ask(config, "DELETE", path, None, timeout_s)


def post(config: Config, path: str, body: dict[str, object], *, timeout_s: float) -> Any:
    """POST JSON to the node and return its JSON answer.

    Raises NodeNotAsked where the configuration has no `web` section or nothing answers, UsageError
    where the arguments do not fit, and OperatorRefused where it refuses (Doubtful with the
    candidates, where it names some); all with the node's own words.
    """
    return _ask(config, "POST", path, body, timeout_s)


def post_stream(
    config: Config, path: str, body: Iterable[bytes], *, content_type: str, timeout_s: float
) -> bytes:
    """POST a body in chunks, and return the answer's, of success or of a conflict (409).

    Raises as `post`; and what making the body raises.
    """
    answer, content = _exchange(config, "POST", path, body, content_type, timeout_s)
    if answer.status != _CONFLICT:
        _check(config, answer.status, content)
    return content


def _ask(
    config: Config, method: str, path: str, body: dict[str, object] | None, timeout_s: float
) -> Any:
    encoded = json.dumps(body).encode() if body is not None else None
    content_type = "application/json" if body is not None else ""
    answer, content = _exchange(config, method, path, encoded, content_type, timeout_s)
    _check(config, answer.status, content)
    return json.loads(content)


def _exchange(
    config: Config,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None,
    content_type: str,
    timeout_s: float,
) -> tuple[http.client.HTTPResponse, bytes]:
    """Raises NodeNotAsked."""
    web = config.web
    if web is None:
        raise NodeNotAsked(
            "the configuration has no `web` section, by which the node that runs could be asked: "
            "add one and restart it, or stop it first"
        )
    connection = _connection(web, timeout_s)
    headers = {"Content-Type": content_type} if content_type else {}
    if key := read_local_key(config.own_dir):
        headers["Authorization"] = f"Bearer {key}"
    try:
        connection.connect()
        if web.tls is not None:
            _compare(connection, web.tls.cert)
        is_chunked = not isinstance(body, bytes | None)
        connection.request(method, path, body, headers, encode_chunked=is_chunked)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NodeNotAsked(
            f"no node answers at {web.host}:{web.port} ({error}): does it run, with this "
            "configuration?"
        ) from error
    finally:
        connection.close()
    return answer, content


def _check(config: Config, status: int, content: bytes) -> None:
    """Raises OperatorRefused, UsageError."""
    if status == _UNAUTHORIZED:
        raise OperatorRefused(
            f"the node does not know this command: run it as the node's user, who can read "
            f"{config.data_dir}"
        )
    if status in _BAD_REQUEST:
        raise UsageError(_words(content))
    if status >= 400:
        words = _words(content) or f"the node answered {status}"
        if candidates := _candidates(content):
            raise Doubtful(words, candidates)
        raise OperatorRefused(words)


def _connection(web: Web, timeout_s: float) -> http.client.HTTPConnection:
    host = _EVERYWHERE.get(web.host, web.host)
    if web.tls is None:
        return http.client.HTTPConnection(host, web.port, timeout=timeout_s)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # _compare does both
    return http.client.HTTPSConnection(host, web.port, timeout=timeout_s, context=context)


def _compare(connection: http.client.HTTPConnection, cert: Path) -> None:
    """Raises NodeNotAsked where another certificate answers than that of the configuration."""
    pem = cert.read_text(encoding="latin-1")
    begin, end = pem.index("-----BEGIN CERTIFICATE"), pem.index("-----END CERTIFICATE-----")
    ours = ssl.PEM_cert_to_DER_cert(pem[begin:end] + "-----END CERTIFICATE-----")
    shown = connection.sock
    if not isinstance(shown, ssl.SSLSocket) or shown.getpeercert(binary_form=True) != ours:
        raise NodeNotAsked(
            f"what answers has another certificate than {cert}: does the node run with this "
            "configuration?"
        )


def _words(content: bytes) -> str:
    """What the node said, where it said it as JSON; else its text."""
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace").strip()[:300]


def _candidates(content: bytes) -> list[dict[str, object]]:
    try:
        found = json.loads(content).get("candidates", [])
    except (ValueError, AttributeError):
        return []
    return found if isinstance(found, list) else []

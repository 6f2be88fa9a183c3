"""The running node on this machine, asked by the commands over HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

from echonode.config import Web
from echonode.errors import Doubtful, NodeNotAsked, OperatorRefused, UsageError

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
# The command's arguments do not fit: exit status 2, as with the node stopped.
_BAD_REQUEST = frozenset({400, 404})


def get(web: Web | None, path: str, *, timeout_s: float) -> Any:
    """GET from the node; as `post`."""
    return _ask(web, "GET", path, None, timeout_s)


def post(web: Web | None, path: str, body: dict[str, object], *, timeout_s: float) -> Any:
    """POST JSON to the node and return its JSON answer.

    web: its section of the configuration. Raises NodeNotAsked where there is no such section or
    no answer, UsageError where the arguments do not fit, and OperatorRefused where it refuses
    (Doubtful with the candidates, where it names some); all with the node's own words.
    """
    return _ask(web, "POST", path, body, timeout_s)


def _ask(
    web: Web | None, method: str, path: str, body: dict[str, object] | None, timeout_s: float
) -> Any:
    if web is None:
        raise NodeNotAsked(
            "the configuration has no `web` section, by which the node that runs could be asked: "
            "add one and restart it, or stop it first"
        )
    connection = http.client.HTTPConnection(
        _EVERYWHERE.get(web.host, web.host), web.port, timeout=timeout_s
    )
    try:
        if body is None:
            connection.request(method, path)
        else:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body), headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        raise NodeNotAsked(
            f"no node answers at {web.host}:{web.port} ({error}): does it run, with this "
            "configuration?"
        ) from error
    finally:
        connection.close()
    if answer.status in _BAD_REQUEST:
        raise UsageError(_words(content))
    if answer.status >= 400:
        words = _words(content) or f"the node answered {answer.status}"
        if candidates := _candidates(content):
            raise Doubtful(words, candidates)
        raise OperatorRefused(words)
    return json.loads(content)


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

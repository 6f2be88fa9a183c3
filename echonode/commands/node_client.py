"""The running node on this machine, asked by the commands over HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

from echonode.config import Web
from echonode.errors import NodeNotAsked, OperatorRefused, UsageError

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
# The command's arguments do not fit: exit status 2, as with the node stopped.
_BAD_REQUEST = frozenset({400, 404})


def post(web: Web | None, path: str, body: dict[str, object], *, timeout_s: float) -> Any:
    """POST JSON to the node and return its JSON answer.

    web: its section of the configuration. Raises NodeNotAsked where there is no such section or
    no answer, UsageError where the arguments do not fit, and OperatorRefused where it refuses;
    both with the node's own words.
    """
    if web is None:
        raise NodeNotAsked(
            "a node runs on this data_dir and has no `web` section, by which it could be asked: "
            "add one and restart it, or stop it first"
        )
    connection = http.client.HTTPConnection(
        _EVERYWHERE.get(web.host, web.host), web.port, timeout=timeout_s
    )
    try:
        connection.request(
            "POST", path, json.dumps(body), headers={"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        raise NodeNotAsked(
            f"a node runs on this data_dir and does not answer at {web.host}:{web.port} "
            f"({error}): is the configuration the one it was started with?"
        ) from error
    finally:
        connection.close()
    if answer.status in _BAD_REQUEST:
        raise UsageError(_words(content))
    if answer.status >= 400:
        raise OperatorRefused(_words(content) or f"the node answered {answer.status}")
    return json.loads(content)


def _words(content: bytes) -> str:
    """What the node said, where it said it as JSON; else its text."""
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace").strip()[:300]

"""A notice to a webhook: one POST of JSON."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from pathlib import Path

from echonode.config.alarms import Webhook
from echonode.config.dicomweb_address import parsed
from echonode.monitoring.notices.notice import Notice, document_of

TIMEOUT_S = 10.0
LONGEST_SECRET = 4096
_MOST_READ = 64 * 1024


class NotSent(Exception):
    """It did not arrive; the text is for the log and has no secret."""


def secret_in(path: Path) -> str:
    """The one line of a file. Raises NotSent."""
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_SECRET + 1).decode("latin-1").strip()
    except OSError as error:
        raise NotSent(f"{path} cannot be read: {error.strerror}") from None
    if not text or len(text) > LONGEST_SECRET or not text.isprintable():
        raise NotSent(f"{path} does not hold one line")
    return text


class WebhookSender:
    """Posts notices. tls: gives the context of https."""

    name = "webhook"

    def __init__(self, section: Webhook, *, node: str, tls: Callable[[], ssl.SSLContext]) -> None:
        self._section, self._node, self._tls = section, node, tls
        self._address = parsed(section.url)

    def send(self, notice: Notice) -> None:
        """Raises NotSent, OSError."""
        at = self._address
        headers = {"Content-Type": "application/json", "User-Agent": "EchoNode"}
        if self._section.token_file is not None:
            headers["Authorization"] = f"Bearer {secret_in(self._section.token_file)}"
        connection = (
            http.client.HTTPSConnection(at.host, at.port, timeout=TIMEOUT_S, context=self._tls())
            if at.is_encrypted
            else http.client.HTTPConnection(at.host, at.port, timeout=TIMEOUT_S)
        )
        body = json.dumps(document_of(notice, self._node)).encode()
        try:
            connection.request("POST", at.path or "/", body, headers)
            answer = connection.getresponse()
            answer.read(_MOST_READ)
        except http.client.HTTPException as error:
            raise NotSent(f"no HTTP answer ({type(error).__name__})") from None
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise NotSent(f"the server answered {answer.status}")

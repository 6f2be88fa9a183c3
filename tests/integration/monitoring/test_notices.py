"""Alarms arrive by mail at a real SMTP server, and at a real HTTP server, by TLS."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from echonode.config.alarms import Email, Webhook
from echonode.dimse.upper_layer.tls_context import client_context
from echonode.model.certificate import TLSFiles
from echonode.monitoring.notices.mail import MailSender
from echonode.monitoring.notices.notice import Notice
from echonode.monitoring.notices.notifier import Notifier, Way
from echonode.monitoring.notices.webhook import NotSent, WebhookSender
from echonode.web.health import Alarm
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NOTICE = Notice(at=AT, raised=(Alarm(name="disk", text="no room", about=("1.2.3",)),))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return TLSFiles(ca=path)


@pytest.fixture
def servers_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK, "localhost").configure_cert(context)
    return context


@dataclass
class Mailbox:
    """What an SMTP server takes; it refuses while `closed`."""

    mails: list[bytes] = field(default_factory=list)
    closed: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802  # its name
        if self.closed:
            return "451 not now"
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 OK"


def authenticated(server: Any, session: Any, envelope: Any, kind: str, data: Any) -> AuthResult:
    right = LoginPassword(b"echonode", b"secret")
    return AuthResult(success=data == right, handled=True)


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as parts:
        yield parts


def mail_server(
    running: ExitStack, mailbox: Mailbox, tls: ssl.SSLContext | None, *, security: str
) -> int:
    port = free_port()
    options: dict[str, Any] = {
        "hostname": LOOPBACK,
        "port": port,
        "authenticator": authenticated,
    }
    if security == "tls":  # to the server, TLS from the first byte is no TLS
        options |= {"ssl_context": tls, "auth_require_tls": False}
    elif security == "starttls" and tls is not None:
        options |= {"tls_context": tls, "require_starttls": True, "auth_required": True}
    controller = Controller(mailbox, **options)
    controller.start()
    running.callback(controller.stop)
    return port


def mailing(port: int, security: str, trusted: TLSFiles, password: Path | None) -> MailSender:
    section = Email.model_validate(
        {
            "host": LOOPBACK,
            "port": port,
            "security": security,
            "sender": "echonode@clinic.example",
            "to": ["it@clinic.example", "radiology@clinic.example"],
            **({"user": "echonode", "password_file": password} if password else {}),
        }
    )
    return MailSender(section, node="ROOM1", tls=partial(client_context, trusted, check_name=True))


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("secret\n")
    return path


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_mail_arrives_encrypted_and_after_a_log_in(
    running: ExitStack,
    servers_tls: ssl.SSLContext,
    trusted: TLSFiles,
    password: Path,
    security: str,
) -> None:
    """With its subject, and without a UID."""
    mailbox = Mailbox()
    port = mail_server(running, mailbox, servers_tls, security=security)
    mailing(port, security, trusted, password).send(NOTICE)
    [content] = mailbox.mails
    mail = message_from_bytes(content)
    assert mail["Subject"] == "EchoNode ROOM1: alarms, 1 new"
    assert mail["To"] == "it@clinic.example, radiology@clinic.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert b"no room" in content
    assert b"1.2.3" not in content


def test_nothing_is_sent_in_clear_where_starttls_is_missing(
    running: ExitStack, trusted: TLSFiles, password: Path
) -> None:
    """Who takes the offer away gets neither the mail nor the password."""
    mailbox = Mailbox()
    port = mail_server(running, mailbox, None, security="none")
    with pytest.raises(NotSent):
        mailing(port, "starttls", trusted, password).send(NOTICE)
    assert not mailbox.mails


def test_a_server_of_another_authority_gets_nothing(
    running: ExitStack, servers_tls: ssl.SSLContext, tmp_path: Path, password: Path
) -> None:
    """Its certificate is checked."""
    path = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(path)
    mailbox = Mailbox()
    port = mail_server(running, mailbox, servers_tls, security="tls")
    with pytest.raises(OSError, match="certificate"):
        mailing(port, "tls", TLSFiles(ca=path), password).send(NOTICE)
    assert not mailbox.mails


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes posts into `server.posts`, and answers `server.status`."""

    def do_POST(self) -> None:  # its name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:  # type: ignore[attr-defined]  # set below
            self.server.posts.append((self.headers, json.loads(body)))  # type: ignore[attr-defined]  # likewise
        self.send_response(self.server.status)  # type: ignore[attr-defined]  # likewise
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def hook(running: ExitStack, tls: ssl.SSLContext | None) -> Any:
    server: Any = http.server.ThreadingHTTPServer((LOOPBACK, 0), Hook)
    server.posts, server.status = [], 200
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    running.callback(server.server_close)
    running.callback(server.shutdown)
    return server


def posting(server: Any, scheme: str, trusted: TLSFiles, token: Path | None = None) -> Way:
    url = f"{scheme}://{LOOPBACK}:{server.server_address[1]}/hook"
    section = Webhook.model_validate({"url": url, "token_file": token})
    tls = partial(client_context, trusted, check_name=True)
    return WebhookSender(section, node="ROOM1", tls=tls)


def test_a_webhook_gets_json_with_its_token(
    running: ExitStack, servers_tls: ssl.SSLContext, trusted: TLSFiles, password: Path
) -> None:
    """By https."""
    server = hook(running, servers_tls)
    posting(server, "https", trusted, password).send(NOTICE)
    [(headers, document)] = server.posts
    assert headers["Authorization"] == "Bearer secret"
    assert document["raised"] == [{"name": "disk", "text": "no room"}]
    assert "1.2.3" not in json.dumps(document)


def test_each_way_is_tried_until_it_works_and_holds_up_no_other(
    running: ExitStack, trusted: TLSFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail server refuses, the webhook has it at once; one mail says all of it later."""
    monkeypatch.setattr("echonode.monitoring.notices.notifier.PAUSES_S", (0.05,))
    mailbox = Mailbox(closed=True)
    port = mail_server(running, mailbox, None, security="none")
    server = hook(running, None)
    notifier = Notifier(
        [mailing(port, "none", trusted, None), posting(server, "http", trusted)],
        repeat=timedelta(hours=24),
        quiet=timedelta(0),
        now=lambda: AT,
        monotonic=time.monotonic,
    )
    notifier.start()
    running.callback(notifier.stop, 10)
    notifier.look([Alarm(name="disk", text="no room")])
    wait_until(lambda: len(server.posts) == 1, timeout_s=20, what="the first post")
    notifier.look([Alarm(name="disk", text="no room"), Alarm(name="held:pacs", text="3 held")])
    wait_until(lambda: len(server.posts) == 2, timeout_s=20, what="the second post")
    assert [each["name"] for each in server.posts[1][1]["raised"]] == ["held:pacs"]
    mailbox.closed = False
    wait_until(lambda: bool(mailbox.mails), timeout_s=20, what="the mail")
    assert b"2 new" in mailbox.mails[0]
    notifier.look([])
    wait_until(lambda: len(mailbox.mails) == 2, timeout_s=20, what="the end")
    assert b"ENDED  disk" in mailbox.mails[1]


def test_looking_never_waits(trusted: TLSFiles) -> None:
    """For a server that takes the connection and says nothing."""

    class Silent:
        name = "silent"

        def __init__(self) -> None:
            self.asked, self.over = threading.Event(), threading.Event()

        def send(self, notice: Notice) -> None:
            self.asked.set()
            self.over.wait(30)

    way = Silent()
    notifier = Notifier(
        [way],
        repeat=timedelta(hours=1),
        quiet=timedelta(0),
        now=lambda: AT,
        monotonic=time.monotonic,
    )
    notifier.start()
    notifier.look([Alarm(name="disk", text="no room")])
    assert way.asked.wait(10)
    began = time.monotonic()
    for number in range(100):
        notifier.look([Alarm(name=f"held:{number}", text="x")])
    assert time.monotonic() - began < 5
    way.over.set()
    assert notifier.stop(20)

"""A notice as mail, by SMTP with TLS (RFC 8314) or STARTTLS (RFC 3207).

Rules
- With `starttls` nothing is sent to a server that does not offer it: no one can take it away.
- The password is read for each message, and never sent in clear.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from echonode.config.alarms import Email
from echonode.monitoring.notices.notice import Notice, lines_of, subject_of
from echonode.monitoring.notices.webhook import TIMEOUT_S, NotSent, secret_in


class MailSender:
    """Sends notices by mail. tls: gives the context."""

    name = "email"

    def __init__(self, section: Email, *, node: str, tls: Callable[[], ssl.SSLContext]) -> None:
        self._section, self._node, self._tls = section, node, tls

    def send(self, notice: Notice) -> None:
        """Raises NotSent, OSError."""
        section = self._section
        message = EmailMessage()
        message["Subject"] = subject_of(notice, self._node)
        message["From"], message["To"] = section.sender, ", ".join(section.to)
        message["Date"] = format_datetime(notice.at)
        message["Message-ID"] = make_msgid(domain=section.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no one's absence answers it
        message.set_content("\n".join(lines_of(notice)))
        try:
            with self._connected() as server:
                if section.user is not None and section.password_file is not None:
                    server.login(section.user, secret_in(section.password_file))
                refused = server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"the mail server answered {error.smtp_code}") from None
        except smtplib.SMTPException as error:
            raise NotSent(f"the mail server refused it ({type(error).__name__})") from None
        if refused:
            raise NotSent(f"the mail server refused {len(refused)} of {len(section.to)} addresses")

    def _connected(self) -> smtplib.SMTP:
        section = self._section
        if section.security == "tls":
            return smtplib.SMTP_SSL(
                section.host, section.port, timeout=TIMEOUT_S, context=self._tls()
            )
        server = smtplib.SMTP(section.host, section.port, timeout=TIMEOUT_S)
        if section.security == "starttls":
            try:
                server.starttls(context=self._tls())
            except BaseException:
                server.close()
                raise
        return server

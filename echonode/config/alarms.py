"""The `alarms` section: where alarms go out to, apart from the log, the page and the metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from echonode.config.dicomweb_address import WebAddress
from echonode.config.fields import Allowed, FilePath, Host, Port, Section
from echonode.config.network import PeerTLS

_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}$"
MailAddress = Annotated[
    str, Field(pattern=_ADDRESS), Allowed("a mail address, such as it@clinic.example")
]


def _not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("give at least one address")
    return value


class Webhook(Section):
    """A JSON document is posted for each change of the alarms (docs/monitoring.md)."""

    url: WebAddress
    """Where to. A secret in it belongs into `token_file`.
    Example: https://hooks.clinic.example/echonode"""
    token_file: FilePath | None = None
    """The file with a bearer token, readable by the node's user alone.
    Example: /etc/echonode/hook.token"""
    tls: PeerTLS | None = None
    """The authorities of a server by https; without it, those of this system.
    Example: {ca: clinic-ca.pem}"""


class Email(Section):
    """Mail by SMTP."""

    host: Host
    """The mail server. Example: mail.clinic.example"""
    port: Port = 587
    """Its port. Example: 465"""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` begins in clear and goes on encrypted, or not at all; `tls` is encrypted from the
    first byte. Example: tls"""
    tls: PeerTLS | None = None
    """The authorities of the mail server; without it, those of this system.
    Example: {ca: clinic-ca.pem}"""
    sender: MailAddress
    """Who the mail is from. Example: echonode@clinic.example"""
    to: Annotated[tuple[MailAddress, ...], AfterValidator(_not_empty)]
    """Who gets it. Example: [it@clinic.example]"""
    user: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")] | None = None
    """The user of the mail server; without it, no log-in. Example: echonode"""
    password_file: FilePath | None = None
    """With `user`: the file with the password, readable by the node's user alone.
    Example: /etc/echonode/mail.password"""

    @model_validator(mode="after")
    def _log_in(self) -> Email:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("`user` and `password_file` go together")
        if self.user is not None and self.security == "none":
            raise ValueError("a password never goes out in clear: give `security`")
        return self


class Alarms(Section):
    """Alarms by webhook and mail. They hold no patient data and no UID."""

    webhook: Webhook | None = None
    """A server that takes JSON. Example: {url: "https://hooks.clinic.example/echonode"}"""
    email: Email | None = None
    """Mail.
    Example: {host: mail.clinic.example, sender: echonode@clinic.example, to: [it@clinic.example]}
    """
    repeat_hours: Annotated[float, Field(ge=0.1, le=720)] = 24
    """Hours after which an alarm that still stands is sent again. Example: 8"""
    quiet_minutes: Annotated[float, Field(ge=0, le=1440)] = 15
    """An alarm that comes and goes is sent at most once in so many minutes. Example: 60"""

"""The sections that say whom we listen for and whom we call, and how each proves who it is."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from echonode.config.fields import AddressRange, AETitle, FilePath, Host, Port, Section
from echonode.model.certificate import TLSFiles, fingerprint_of
from echonode.model.identity import Peer, ReportRoute, Service


def _certificate_name(value: str) -> str:
    if re.match(r"sha-?256[:=]", value, re.IGNORECASE) and not fingerprint_of(value):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return value


def _as_list(value: object) -> object:
    """One entry may stand without its list."""
    return (value,) if isinstance(value, str) else value


CertificateName = Annotated[str, Field(min_length=1), AfterValidator(_certificate_name)]


class ListenerTLS(Section):
    """Certificates of a listener (PS3.15 B.12): ours, whom we believe, and what they revoked."""

    cert: FilePath
    key: FilePath
    ca: FilePath
    crl: FilePath | None = None
    require_client_cert: bool = True

    def value(self) -> TLSFiles:
        return TLSFiles(cert=self.cert, key=self.key, ca=self.ca, crl=self.crl)


class PeerTLS(Section):
    """How we call a peer by TLS; one that never asks for our certificate needs only `ca`."""

    cert: FilePath | None = None
    key: FilePath | None = None
    ca: FilePath
    crl: FilePath | None = None

    @model_validator(mode="after")
    def _cert_and_key(self) -> PeerTLS:
        if (self.cert is None) != (self.key is None):
            raise ValueError("`cert` and `key` go together")
        return self

    def value(self) -> TLSFiles:
        return TLSFiles(cert=self.cert, key=self.key, ca=self.ca, crl=self.crl)


class Listener(Section):
    """Where our SCP listens."""

    host: Host = "127.0.0.1"
    port: Port
    tls: ListenerTLS | None = None


class PeerSection(Section):
    """A remote AE: how to reach it, what it may ask of us, and how it proves who it is.

    tls: we call it by TLS. certificate: the only ones it may show, each a SHA-256 fingerprint or a
    name in it; one or a list. addresses: the only ones it may call from; without, any.
    private_classes: storage classes that are not the standard's are accepted from it too.
    report_on: the association that our storage commitment reports to it are first sent on.
    relational: it may query a level without the unique keys above, though it did not negotiate it.
    """

    ae_title: AETitle
    host: Host
    port: Port
    may: frozenset[Service] = frozenset()
    tls: PeerTLS | None = None
    certificate: Annotated[tuple[CertificateName, ...], BeforeValidator(_as_list)] = ()
    addresses: tuple[AddressRange, ...] = ()
    private_classes: bool = False
    report_on: ReportRoute = ReportRoute.NEW_ASSOCIATION
    relational: bool = False

    def value(self, name: str) -> Peer:
        return Peer(
            name=name,
            ae_title=self.ae_title,
            host=self.host,
            port=self.port,
            may=self.may,
            tls=self.tls.value() if self.tls else None,
            certificates=self.certificate,
            addresses=tuple(ipaddress.ip_network(text) for text in self.addresses),
            private_classes=self.private_classes,
            report_on=self.report_on,
            relational=self.relational,
        )

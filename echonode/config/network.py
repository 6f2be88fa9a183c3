"""Listeners and peers: where callers reach this node, what it calls, how each proves itself."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from echonode.config.fields import (
    AddressRange,
    AETitle,
    Allowed,
    FilePath,
    Host,
    Port,
    Section,
)
from echonode.model.certificate import TLSFiles, fingerprint_of
from echonode.model.identity import Peer, ReportRoute, Service


def _certificate_name(value: str) -> str:
    if re.match(r"sha-?256[:=]", value, re.IGNORECASE) and not fingerprint_of(value):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return value


def _as_list(value: object) -> object:
    """One entry may stand without its list."""
    return (value,) if isinstance(value, str) else value


CertificateName = Annotated[
    str,
    Field(min_length=1),
    AfterValidator(_certificate_name),
    Allowed("SHA-256 fingerprint, or a name in the certificate"),
]


class ListenerTLS(Section):
    """Certificates of a listener (PS3.15 B.12). All files are PEM; docs/tls.md makes them."""

    cert: FilePath
    """The certificate of this node. Example: /etc/echonode/tls/echonode.pem"""
    key: FilePath
    """Its private key, readable by the node's user alone.
    Example: /etc/echonode/tls/echonode.key"""
    ca: FilePath
    """The authorities whose certificates are accepted. Example: /etc/echonode/tls/clinic-ca.pem"""
    crl: FilePath | None = None
    """The certificates that these authorities revoked. Example: /etc/echonode/tls/clinic-crl.pem"""
    require_client_cert: bool = True
    """Whether a caller must show a certificate. Example: false"""

    def value(self) -> TLSFiles:
        return TLSFiles(cert=self.cert, key=self.key, ca=self.ca, crl=self.crl)


class WebTLS(Section):
    """The certificate of the web server. `echonode web-certificate` makes both files."""

    cert: FilePath
    """The certificate of this node, and behind it those of its authorities, in one PEM file.
    Example: /etc/echonode/tls/web.pem"""
    key: FilePath
    """Its private key, readable by the node's user alone. Example: /etc/echonode/tls/web.key"""

    def value(self) -> TLSFiles:
        return TLSFiles(cert=self.cert, key=self.key, ca=self.cert)


class PeerTLS(Section):
    """How this node calls a peer by TLS. A peer that asks for no certificate needs only `ca`."""

    cert: FilePath | None = None
    """The certificate of this node. Example: /etc/echonode/tls/echonode.pem"""
    key: FilePath | None = None
    """Its private key; with `cert` only. Example: /etc/echonode/tls/echonode.key"""
    ca: FilePath
    """The authorities whose certificates are accepted. Example: /etc/echonode/tls/clinic-ca.pem"""
    crl: FilePath | None = None
    """The certificates that these authorities revoked. Example: /etc/echonode/tls/clinic-crl.pem"""

    @model_validator(mode="after")
    def _cert_and_key(self) -> PeerTLS:
        if (self.cert is None) != (self.key is None):
            raise ValueError("`cert` and `key` go together")
        return self

    def value(self) -> TLSFiles:
        return TLSFiles(cert=self.cert, key=self.key, ca=self.ca, crl=self.crl)


class Listener(Section):
    """A port at which DICOM peers reach this node."""

    host: Host = "127.0.0.1"
    """The address to listen at; 0.0.0.0 is every IPv4 address of this machine. Example: 0.0.0.0"""
    port: Port
    """The TCP port; 104 needs a capability or root. Example: 11112"""
    tls: ListenerTLS | None = None
    """TLS; then this port speaks nothing else.
    Example: {cert: echonode.pem, key: echonode.key, ca: clinic-ca.pem}"""
    trusted_proxies: tuple[AddressRange, ...] = ()
    """Balancers (HAProxy) that pass callers on with PROXY protocol v2, so that each keeps its own
    address. A caller from there must send that header. Example: [10.0.3.9]"""


class PeerSection(Section):
    """A remote AE: how to reach it, what it may ask of this node, and how it proves who it is."""

    ae_title: AETitle
    """Its AE title, which no other peer has. Example: CLINIC_PACS"""
    host: Host
    """Where it listens. Example: pacs.clinic.example"""
    port: Port
    """The port at which it listens. Example: 104"""
    calling_ae_titles: tuple[AETitle, ...] = ()
    """Other AE titles that it calls this node with, as a PACS whose parts have one each: it has the
    same rights under all of them. Example: [CLINIC_PACS_SCU]"""
    may: frozenset[Service] = frozenset()
    """What it may ask for; `commit` also lets it report its own commitment.
    Example: [echo, find, move, get]"""
    tls: PeerTLS | None = None
    """This node calls it by TLS. Example: {ca: clinic-ca.pem}"""
    certificate: Annotated[tuple[CertificateName, ...], BeforeValidator(_as_list)] = ()
    """The only certificates that it may show, when it calls and when it is called; one or a list.
    A peer that has one is not served without TLS. Example: pacs.clinic.example"""
    addresses: tuple[AddressRange, ...] = ()
    """The only addresses that it may call from; without it, any. Example: [10.0.3.20]"""
    private_classes: bool = False
    """Whether it may store SOP classes that are not the standard's. Example: true"""
    report_on: ReportRoute = ReportRoute.NEW_ASSOCIATION
    """The association that commitment reports to it are sent on first. Example: same_association"""
    relational: bool = False
    """Whether its queries may leave out the unique keys of the levels above without negotiating
    that (PS3.4 C.4.1.2.2). Example: true"""

    def value(self, name: str) -> Peer:
        return Peer(
            name=name,
            ae_title=self.ae_title,
            host=self.host,
            port=self.port,
            may=self.may,
            calling_ae_titles=self.calling_ae_titles,
            tls=self.tls.value() if self.tls else None,
            certificates=self.certificate,
            addresses=tuple(ipaddress.ip_network(text) for text in self.addresses),
            private_classes=self.private_classes,
            report_on=self.report_on,
            relational=self.relational,
        )

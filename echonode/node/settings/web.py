"""The web server's own settings, from the configuration and the certificate that it names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from echonode.access.session_rules import SessionRules
from echonode.config import Web
from echonode.web.tls_listener import ServerCertificate


@dataclass(frozen=True, kw_only=True)
class WebIdentity:
    """Who the server is. names: of the configuration and the certificate; it answers to them
    (guard.py).

    authority: PEM, the authority's certificate where the certificate's file holds it; None.
    """

    certificate: ServerCertificate | None = None
    names: tuple[str, ...] = ()
    authority: bytes | None = None


def web_identity(web: Web) -> WebIdentity:
    """Raises OSError, ValueError where the certificate cannot be used; check-config says why."""
    if web.tls is None:
        return WebIdentity(names=web.names)
    chain = web.tls.cert.read_bytes()
    certificates = x509.load_pem_x509_certificates(chain)
    return WebIdentity(
        certificate=ServerCertificate(web.tls.cert, web.tls.key),
        names=(*web.names, *_names(certificates[0])),
        authority=_authority(certificates),
    )


def session_rules(web: Web) -> SessionRules:
    """How long sessions last, and when they lock."""
    minutes = web.lock_after_minutes
    return SessionRules(
        lasts=timedelta(hours=web.session_hours),
        locks_after=timedelta(minutes=minutes) if minutes else None,
    )


def opened_routes(web: Web) -> tuple[str, ...]:
    """Rows of access/route_table.py that the configuration opens to everyone."""
    return ("GET /metrics",) if web.open_metrics else ()


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value.get_values_for_type(x509.DNSName))


def _authority(certificates: list[x509.Certificate]) -> bytes | None:
    """The last of the file, where it is an authority that issued itself and not the server's."""
    last = certificates[-1]
    if len(certificates) < 2 or last.issuer != last.subject:
        return None
    return last.public_bytes(Encoding.PEM)

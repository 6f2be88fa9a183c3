"""DICOMweb, the ports, TLS both ways, and the rights of each peer.

Sources: dicomweb/resources.py, dimse/upper_layer/tls_context.py, and the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from echonode.config import Config
from echonode.config.network import PeerTLS
from echonode.dicomweb.addresses import PREFIX
from echonode.dicomweb.resources import RESOURCES
from echonode.dimse.upper_layer.tls_context import TLS_1_2_SUITES, TLS_VERSIONS
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.names import uid_name
from echonode.monitoring.conformance.network import used

RESOURCE: Final = Kind(
    name="web-resource",
    section="5.3.2",
    title="Resources, as origin server",
    columns=("method", "resource", "media types"),
    says="{0} {1} is answered; media types: {2}.",
)
USER_AGENT: Final = Kind(
    name="web-user-agent",
    section="5.3.2",
    title="Transactions, as user agent",
    columns=("transaction", "destination"),
    says="{0} is used towards the destination {1}.",
)
PORT: Final = Kind(
    name="port",
    section="8.3",
    title="Ports that are open",
    columns=("protocol", "address", "port", "encryption"),
    says="{0} listens at {1}, TCP port {2}, encryption: {3}.",
)
TLS: Final = Kind(
    name="tls",
    section="8.4.2",
    title="BCP 195 TLS profile (PS3.15 B.12) at the DICOM listeners with TLS",
    columns=("what", "support"),
    says="{0}: {1}.",
)
IDENTITY: Final = Kind(
    name="user-identity",
    section="8.5",
    title="User Identity Negotiation",
    columns=("role", "support"),
    says="User Identity Negotiation as {0}: {1}.",
)
RIGHT: Final = Kind(
    name="peer-right",
    section="6",
    title="Rights of the peers",
    columns=("peer", "AE title", "may", "proved by"),
    says="The peer {0} (AE title {1}) may use: {2}; every other service is rejected. Proof: {3}.",
)
CALLED: Final = Kind(
    name="called-connection",
    section="8.4.2",
    title="Associations that this node opens",
    columns=("SOP class", "peer", "encryption"),
    says="An association for {0} with the peer {1} is opened with encryption: {2}.",
)
KINDS: Final = (RESOURCE, USER_AGENT, PORT, TLS, CALLED, IDENTITY, RIGHT)

_PLAIN, _TLS = "none", "TLS"
_TLS_BCP_195 = "TLS (" + ", ".join(version.replace("TLSv", "") for version in TLS_VERSIONS) + ")"


def web_claims(config: Config) -> Iterator[Claim]:
    """Every claim of this module."""
    if config.web:
        for resource in RESOURCES:
            for method in resource.methods:
                section = "5.3.1" if resource.path == "/wado" else "5.3.2"
                yield RESOURCE.claim(
                    f"{method}{resource.path}",
                    method,
                    PREFIX + resource.path,
                    ", ".join(resource.answers),
                    section=section,
                )
    for destination in config.destinations:
        if destination.dicomweb is not None:
            for transaction in ("Store (STOW-RS)", *_looking(destination.commitment)):
                yield USER_AGENT.claim(
                    f"{transaction.split()[0].lower()}/{destination.target}",
                    transaction,
                    destination.target,
                )


def _looking(commitment: str) -> tuple[str, ...]:
    return ("Search (QIDO-RS)",) if commitment == "verify" else ()


def security_claims(config: Config) -> Iterator[Claim]:
    """Ports, TLS, user identity, rights."""
    for number, listener in enumerate(config.listen, start=1):
        yield PORT.claim(
            f"dicom-{number}", "DICOM", listener.host, str(listener.port), _form(listener.tls)
        )
    if config.web:
        form = _form(config.web.tls)
        yield PORT.claim("web", "HTTP", config.web.host, str(config.web.port), form)
        if config.web.viewer_port:
            yield PORT.claim(
                "viewer", "HTTP (viewer)", config.web.host, str(config.web.viewer_port), form
            )
    if config.hl7:
        listens = config.hl7.listen
        yield PORT.claim("hl7", "HL7 (MLLP)", listens.host, str(listens.port), _form(listens.tls))
    if any(listener.tls for listener in config.listen):
        for version in TLS_VERSIONS:
            yield TLS.claim(version, f"protocol version {version}", "supported")
        yield TLS.claim("TLSv1.1", "protocol version TLSv1.1 and older", "refused")
        for suite in TLS_1_2_SUITES.split(":"):
            yield TLS.claim(suite, f"cipher suite {suite}", "supported with TLSv1.2")
        needed = all(each.tls.require_client_cert for each in config.listen if each.tls)
        yield TLS.claim(
            "client-certificate", "certificate of the caller", "required" if needed else "optional"
        )
    for peer_name, context in used(config):
        uid = context.abstract_syntax
        yield CALLED.claim(
            f"{uid}/{peer_name}", uid_name(uid), peer_name, _opened(config.peers[peer_name].tls)
        )
    yield IDENTITY.claim("acceptor", "acceptor", "not supported; a request for it is not answered")
    for name, peer in config.peers.items():
        proofs = (
            *(("its certificate",) if peer.certificate else ()),
            *(("its addresses",) if peer.addresses else ()),
        )
        rights = ", ".join(sorted(service.value for service in peer.may)) or "nothing"
        yield RIGHT.claim(
            name,
            name,
            ", ".join((peer.ae_title, *peer.calling_ae_titles)),
            rights,
            " and ".join(proofs) or "its AE title alone",
        )


def _opened(tls: PeerTLS | None) -> str:
    """How an association with a peer is opened (dimse/requestor.py)."""
    if tls is None:
        return _PLAIN
    own = "with" if tls.cert else "without"
    return f"{_TLS_BCP_195}, {own} a certificate of this node"


def _form(tls: object) -> str:
    return _PLAIN if tls is None else _TLS

"""What the node says and hears on a DICOM network: titles, classes, syntaxes, limits, refusals.

Sources: dimse/contexts.py, dimse/scp/dispatch.py, dimse/limits.py, the association policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from echonode.config import Config
from echonode.dimse.association.association_policy import REJECTIONS
from echonode.dimse.contexts import (
    COMMITMENT,
    FIND_CLASSES,
    MPPS,
    MPPS_CLASS,
    READABLE_SYNTAXES,
    SERVICE_OF,
    STORAGE_CLASSES,
    STORAGE_SYNTAXES,
    VERIFICATION,
    WORKLIST,
    WORKLIST_CLASS,
    ProposedContext,
    find_context,
)
from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import CommandField
from echonode.dimse.scp.dispatch import SERVED
from echonode.model.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from echonode.model.criteria import Root
from echonode.model.identity import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    CommitmentPolicy,
    Service,
)
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.names import syntax_names, uid_name

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"  # PS3.7 A.2.1

ENTITY: Final = Kind(
    name="application-entity",
    section="4.1",
    title="Application entities",
    columns=("AE title", "listens at", "what it is"),
    says="The application entity {0} listens at {1}: {2}.",
)
OPERATION: Final = Kind(
    name="dimse-service",
    section="1.2",
    title="DIMSE services",
    columns=("service", "role", "of"),
    says="{0} is supported as {1}: {2}.",
)
SERVED_CLASS: Final = Kind(
    name="served-class",
    section="5.2",
    title="SOP classes, as SCP",
    columns=("SOP class", "UID", "transfer syntaxes"),
    says="As SCP, {0} ({1}) is accepted in: {2}.",
)
USED_CLASS: Final = Kind(
    name="used-class",
    section="5.2",
    title="SOP classes, as SCU",
    columns=("SOP class", "UID", "peer", "transfer syntaxes"),
    says="As SCU, {0} ({1}) is proposed to the peer {2} in: {3}.",
)
STORAGE_CLASS: Final = Kind(
    name="storage-class",
    section="5.2.5.2",
    title="Storage SOP classes",
    columns=("SOP class", "UID"),
    says=("{0} ({1}) is accepted as SCP in each storage transfer syntax, and stored as received."),
)
STORAGE_SYNTAX: Final = Kind(
    name="storage-syntax",
    section="5.2.5.2",
    title="Transfer syntaxes of storage",
    columns=("transfer syntax", "UID"),
    says="Instances in {0} ({1}) are stored and given back byte for byte.",
)
NOT_SERVED: Final = Kind(
    name="not-served",
    section="5.2",
    title="Not served",
    columns=("SOP class", "UID"),
    says="{0} ({1}) is rejected as an abstract syntax.",
)
PARAMETER: Final = Kind(
    name="association-parameter",
    section="7.1",
    title="Association parameters",
    columns=("parameter", "value"),
    says="{0}: {1}.",
)
TIMER: Final = Kind(
    name="timer",
    section="7.3.1",
    title="Timers, in seconds",
    columns=("limit", "seconds", "what ends when it is over"),
    says="The limit {0} is {1} s: {2}.",
)
REJECTION: Final = Kind(
    name="rejection",
    section="7.2.1.4",
    title="Reasons for the rejection of an association",
    columns=("reason", "result", "source", "reason code"),
    says="An association is rejected with result {1}, source {2}, reason {3} when: {0}.",
)
KINDS: Final = (
    ENTITY,
    OPERATION,
    SERVED_CLASS,
    USED_CLASS,
    STORAGE_CLASS,
    STORAGE_SYNTAX,
    NOT_SERVED,
    PARAMETER,
    TIMER,
    REJECTION,
)

_SECTION_OF: Mapping[Service, str] = MappingProxyType(
    {
        Service.ECHO: "5.2",
        Service.STORE: "5.2.5.2",
        Service.FIND: "5.2.7",
        Service.MOVE: "5.2.7",
        Service.GET: "5.2.7",
        Service.COMMIT: "5.2.6",
        Service.WORKLIST: "5.2.1",
    }
)
# Services of annex N that a reader looks for.
_LOOKED_FOR: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.10008.5.1.4.34.6.1": "5.2.3",  # Unified Procedure Step, Push
        "1.2.840.10008.5.1.4.33": "5.2.4",  # Instance Availability Notification
        "1.2.840.10008.5.1.1.9": "5.2.8",  # Basic Grayscale Print Management Meta
    }
)
_OF_TLS: Final = frozenset(
    {"in-clear", "no-certificate", "wrong-certificate", "certificate-of-another"}
)
_TIMERS: Mapping[str, str] = MappingProxyType(
    {
        "request_s": "a connection that sent no whole A-ASSOCIATE-RQ (ARTIM)",
        "pdu_s": "an association in which a PDU began and did not end",
        "idle_s": "an accepted association without any PDU",
        "acse_s": "our wait for the answer to A-ASSOCIATE-RQ or A-RELEASE-RQ",
        "dimse_s": "our wait for the answer to a DIMSE request",
    }
)


def granted(config: Config) -> frozenset[Service]:
    """What at least one peer may ask for."""
    return frozenset(service for peer in config.peers.values() for service in peer.may)


def section_of_class(uid: str) -> str:
    """Where the claims of a served class that is no storage class stand."""
    if uid == MPPS_CLASS:
        return "5.2.2"
    if uid == STORAGE_COMMITMENT_PUSH_MODEL:
        return "5.2.6"
    return _SECTION_OF[SERVICE_OF[uid]]


def network_claims(config: Config) -> Iterator[Claim]:
    """Every claim of this module."""
    yield from _entity(config)
    yield from _served_operations(config)
    yield from _served_classes(config)
    yield from _used_classes(config)
    yield from _storage(config)
    for uid, section in _LOOKED_FOR.items():
        yield NOT_SERVED.claim(uid, uid_name(uid), uid, section=section)
    yield from _parameters()
    for name, meaning in _TIMERS.items():
        yield TIMER.claim(name, name, f"{getattr(Limits(), name):g}", meaning)
    for key, rejection in REJECTIONS.items():
        if key in _OF_TLS and not any(listener.tls for listener in config.listen):
            continue
        yield REJECTION.claim(
            key, rejection.meaning, str(rejection.result), str(rejection.source),
            str(rejection.reason),
        )  # fmt: skip


def _entity(config: Config) -> Iterator[Claim]:
    addresses = ", ".join(
        f"{each.host}:{each.port} ({'TLS' if each.tls else 'plain'})" for each in config.listen
    )
    yield ENTITY.claim("node", config.ae_title, addresses, "the only one of this node")


def _served_operations(config: Config) -> Iterator[Claim]:
    may = granted(config)
    for field, (service, _) in SERVED.items():
        if service in may:
            name = CommandField(field).name
            yield OPERATION.claim(
                f"{name}/scp", name.replace("_", "-"), "SCP", f"peers whose rights hold `{service}`"
            )
    if Service.MOVE in may:
        yield OPERATION.claim(
            "C_STORE/scu/move", "C-STORE", "SCU", "instances, by C-MOVE of a peer"
        )
    if Service.GET in may:
        yield OPERATION.claim("C_STORE/scu/get", "C-STORE", "SCU", "instances, by C-GET of a peer")
    if Service.COMMIT in may:
        yield OPERATION.claim(
            "N_EVENT_REPORT/scu", "N-EVENT-REPORT", "SCP of the SOP class",
            "our commitment, to a peer that asked for it",
        )  # fmt: skip
    for destination in config.destinations:
        if destination.peer is not None:
            yield OPERATION.claim(
                f"C_ECHO/scu/{destination.peer}", "C-ECHO", "SCU",
                f"whether `{destination.peer}` answers",
            )  # fmt: skip


def _served_classes(config: Config) -> Iterator[Claim]:
    may = granted(config)
    classes = {uid: service for uid, service in SERVICE_OF.items() if service in may}
    if Service.COMMIT in may:
        classes[STORAGE_COMMITMENT_PUSH_MODEL] = Service.COMMIT
    for uid in classes:
        yield SERVED_CLASS.claim(
            uid, uid_name(uid), uid, syntax_names(READABLE_SYNTAXES), section=section_of_class(uid)
        )


def used(config: Config) -> Iterator[tuple[str, ProposedContext]]:
    """(peer, what is proposed to it), but for storage: that depends on the instance."""
    for destination in config.destinations:
        if destination.peer is None:
            continue
        yield destination.peer, VERIFICATION
        if destination.commitment is CommitmentPolicy.REQUIRED:
            yield destination.peer, COMMITMENT
        if destination.commitment is CommitmentPolicy.VERIFY:
            yield destination.peer, find_context(Root.STUDY)
    if config.worklist:
        yield config.worklist.peer, WORKLIST
    if config.mpps:
        yield config.mpps.peer, MPPS


def _used_classes(config: Config) -> Iterator[Claim]:
    sections = {
        VERIFICATION.abstract_syntax: "5.2",
        COMMITMENT.abstract_syntax: "5.2.6",
        WORKLIST_CLASS: "5.2.1",
        MPPS_CLASS: "5.2.2",
        FIND_CLASSES[Root.STUDY]: "5.2.7",
    }
    for peer, context in used(config):
        uid = context.abstract_syntax
        yield USED_CLASS.claim(
            f"{uid}/{peer}",
            uid_name(uid),
            uid,
            peer,
            syntax_names(context.transfer_syntaxes),
            section=sections[uid],
        )


def _storage(config: Config) -> Iterator[Claim]:
    if Service.STORE not in granted(config):
        return
    for uid in sorted(STORAGE_CLASSES, key=lambda uid: (uid_name(uid), uid)):
        yield STORAGE_CLASS.claim(uid, uid_name(uid), uid)
    for uid in sorted(STORAGE_SYNTAXES):
        yield STORAGE_SYNTAX.claim(uid, uid_name(uid), uid)


def _parameters() -> Iterator[Claim]:
    limits = Limits()
    for subject, name, value in (
        ("application-context", "Application Context Name", APPLICATION_CONTEXT),
        ("implementation-class", "Implementation Class UID", IMPLEMENTATION_CLASS_UID),
        ("implementation-version", "Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
        ("maximum-length", "Maximum PDU length that is received, in bytes", limits.pdu_bytes),
        ("associations", "Accepted associations at the same time", limits.associations),
        (
            "associations-per-peer",
            "Accepted associations of one peer at the same time",
            limits.associations_per_peer,
        ),
        ("asynchronous", "Outstanding operations (asynchronous window)", 1),
    ):
        yield PARAMETER.claim(subject, name, str(value))

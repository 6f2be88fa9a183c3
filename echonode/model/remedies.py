"""What to do about each failure, in plain words: pure.

Every remedy says at whose side something is to be changed, what, and to which value.
"""

from __future__ import annotations

from collections.abc import Mapping

from echonode.errors import AssociationRejected, NetworkError, PeerUnreachable
from echonode.model import status
from echonode.model.commitment import FailureReason
from echonode.model.identity import CallBackAddress, Peer

# PS3.8 table 9-21: (source, reason).
_NO_REASON = (1, 1)
_CALLING_AE_NOT_RECOGNISED = (1, 3)
_CALLED_AE_NOT_RECOGNISED = (1, 7)


def add_us(peer: Peer, us: CallBackAddress) -> str:
    """The remedy that most failures share."""
    return (
        f"{peer.ae_title} does not know {us}: add it there (Orthanc: DicomModalities, "
        f'"{us.ae_title.lower()}": ["{us.ae_title}", "{us.host}", {us.port}]; dcm4chee: a device '
        "with that network AE)"
    )


def no_connection(peer: Peer) -> str:
    """Nothing listens at the address."""
    return (
        f"Start {peer.name}, or correct peers.{peer.name}.host and .port; a firewall between must "
        f"let TCP through to port {peer.port}"
    )


def no_web_connection(peer: Peer) -> str:
    """No DICOMweb server listens at the address."""
    return (
        f"Start {peer.name}, or correct `dicomweb` of its entry under `destinations`; a firewall "
        f"between must let TCP through to port {peer.port}"
    )


def no_web_tls(peer: Peer) -> str:
    """TCP works and the handshake with a DICOMweb server does not."""
    return (
        f"Give {peer.name} a `tls` section under `destinations` whose `ca` has signed what it "
        "shows, with `cert` and `key` where it asks for a certificate; its address must be of "
        "https"
    )


def not_let_in(peer: Peer) -> str:
    """A DICOMweb server refuses the request, or does not know the address."""
    return (
        f"Compare `dicomweb`, and `token_file` or `user` and `password_file`, of {peer.name} with "
        "what its administrator gave"
    )


def no_tls(peer: Peer) -> str:
    """TCP works and the handshake does not."""
    if peer.tls is None:
        return f"{peer.host}:{peer.port} closed the connection: does it want TLS, or another port?"
    return (
        f"Compare the certificates: peers.{peer.name}.tls.ca must have signed what {peer.name} "
        f"shows, and {peer.name} must trust peers.{peer.name}.tls.cert"
    )


def no_association(error: NetworkError, peer: Peer, us: CallBackAddress) -> str:
    """A-ASSOCIATE was rejected, broken off, or came to nothing."""
    if isinstance(error, PeerUnreachable):
        return no_tls(peer)
    if not isinstance(error, AssociationRejected):
        return (
            f"{peer.host}:{peer.port} does not speak DICOM, or broke off: is it the DICOM port of "
            f"{peer.name} (not its HTTP port), and does {peer.name} expect TLS there?"
        )
    if error.transient:
        return f"{peer.ae_title} is busy: try again, or let it serve more associations at a time"
    why = (error.source, error.reason)
    if why == _CALLED_AE_NOT_RECOGNISED:
        return (
            f"{peer.host}:{peer.port} is not called {peer.ae_title}: correct "
            f"peers.{peer.name}.ae_title, or the AE title at its side"
        )
    if why in (_CALLING_AE_NOT_RECOGNISED, _NO_REASON):
        return add_us(peer, us)
    return f"The log of {peer.name} says why it rejects {us.ae_title}"


def no_query(error: NetworkError, peer: Peer, us: CallBackAddress) -> str:
    """A query came to nothing: no connection, no association, or broken off in its middle."""
    if isinstance(error, PeerUnreachable):
        return no_connection(peer) if peer.tls is None else no_tls(peer)
    if isinstance(error, AssociationRejected):
        return no_association(error, peer, us)
    # Seen: Orthanc breaks off the query of an AE that it does not know.
    return add_us(peer, us)


def no_storage(peer: Peer, names: str) -> str:
    """A class of ours is refused."""
    return f"Let {peer.ae_title} accept {names} in Explicit or Implicit VR Little Endian"


def no_commitment_service(peer: Peer) -> str:
    """The context was refused."""
    return (
        f"{peer.ae_title} offers no storage commitment: switch it on there, or set `commitment: "
        f"verify` (found again by C-FIND) or `none` for {peer.name} under `destinations`"
    )


def commitment_refused(peer: Peer, us: CallBackAddress, code: int) -> str:
    """N-ACTION was answered with a failure (PS3.7 10.1.4.1.10).

    An archive that does not know the caller says so with any status (Orthanc 0110).
    """
    match code:
        case status.RESOURCE_LIMITATION:
            return f"{peer.ae_title} is out of resources: look at its disk and its log"
        case (
            status.NO_SUCH_SOP_CLASS
            | status.SOP_CLASS_NOT_SUPPORTED
            | status.UNRECOGNISED_OPERATION
        ):
            return no_commitment_service(peer)
        case status.NOT_AUTHORISED:
            return f"{peer.ae_title} does not authorise us to ask for commitment: permit it there"
    return add_us(peer, us)


def no_service(peer: Peer, service: str) -> str:
    """Another context was refused."""
    return f"{peer.ae_title} offers no {service} to us: switch it on there, or correct its section"


def not_echoed(peer: Peer, code: int) -> str:
    """C-ECHO was answered with another status than success (PS3.7 9.1.5.1.4)."""
    if code == status.NOT_AUTHORISED:
        return f"{peer.ae_title} does not authorise us: permit C-ECHO there"
    return f"The log of {peer.name} says why it answered {code:04X}"


def not_stored(peer: Peer, code: int) -> str:
    """The test image was refused with a status (PS3.4 B.2.3)."""
    row = status.look_up(code, status.STORAGE)
    match row.code if row else code:
        case status.OUT_OF_RESOURCES:
            return f"{peer.ae_title} is out of resources: look at its disk"
        case status.DATASET_DOES_NOT_MATCH_SOP_CLASS | status.CANNOT_UNDERSTAND:
            return f"{peer.ae_title} does not take our image: its log says why"
        case status.NOT_AUTHORISED:
            return f"{peer.ae_title} does not authorise us to store: permit it there"
    return f"The log of {peer.name} says why it answered {code:04X}"


def no_report(peer: Peer, us: CallBackAddress, seconds: float) -> str:
    """The request was taken and the report did not come."""
    return (
        f"{peer.ae_title} took the request and did not report within {seconds:g} s. It must be "
        f"able to call us: {add_us(peer, us)}; and a firewall must let it through to port {us.port}"
    )


def report_from_another(peer: Peer, caller: str) -> str:
    """The report came under another AE title."""
    return (
        f"The report came from AE {caller}: an archive has to report as {peer.ae_title}; correct "
        f"peers.{peer.name}.ae_title, or its own AE title"
    )


_REASONS: Mapping[int, str] = {
    FailureReason.PROCESSING_FAILURE: "it failed to process the request",
    FailureReason.NO_SUCH_OBJECT_INSTANCE: "it does not have the image that it took",
    FailureReason.CLASS_INSTANCE_CONFLICT: "it has another image under this UID",
    FailureReason.REFERENCED_SOP_CLASS_NOT_SUPPORTED: "it does not commit to ultrasound images",
    FailureReason.DUPLICATE_TRANSACTION_UID: "it takes our Transaction UID for a used one",
    FailureReason.RESOURCE_LIMITATION: "it is out of resources",
}


def not_committed(peer: Peer, reason: int) -> str:
    """The report came and does not commit."""
    words = _REASONS.get(reason, f"reason {reason:04X}")
    return f"{peer.ae_title} does not commit to keep the test image: {words}; its log says more"


# --- of deliveries that are held ---

RELEASE_TO_SEND = "Release it: it is then sent, as everything else"
IDENTIFY = "Identify the exam: its images are written with the patient, and go by themselves"
LOOK = (
    "Open its study in the archive of the console, look for text in the picture, and accept it "
    "where there is none; or `echonode accept-look UID`"
)
NAMING = "Wait: it goes by itself once its patient is written into it"
NOTHING_TO_DO = "Nothing is to be done: it is kept here, and not sent"
DAMAGED = (
    "Have its sender send it again, or restore the file from a backup and run `echonode reindex`; "
    "look for a failing disk"
)


def held_for_status(ae_title: str, code: int) -> str:
    """The archive's answer to C-STORE led to the hold (PS3.4 B.2.3, PS3.7 C.5)."""
    match code:
        case status.NOT_AUTHORISED:
            return f"Permit us to store at {ae_title}, then release"
        case status.SOP_CLASS_NOT_SUPPORTED | status.NO_SUCH_SOP_CLASS:
            return f"Let {ae_title} accept ultrasound images, then release"
        case status.INVALID_SOP_INSTANCE:
            return f"{ae_title} does not take this UID: its log says why; then release"
        case status.PROCESSING_FAILURE:
            return f"Look into the log of {ae_title} at the time of the last try, then release"
    row = status.look_up(code, status.STORAGE)
    if row is not None and row.code == status.OUT_OF_RESOURCES:
        return f"Make room on the disk of {ae_title}, then release"
    if row is not None and row.code == status.DATASET_DOES_NOT_MATCH_SOP_CLASS:
        return (
            f"Correct what the log of {ae_title} names: a rule there, or the exam here; "
            "then release"
        )
    return f"The log of {ae_title} says why it answered {code:04X}; correct that, then release"


def held_for_http(archive: str, http_status: int) -> str:
    """The archive's answer to STOW-RS led to the hold (RFC 9110 15.5)."""
    match http_status:
        case 413:
            return f"Raise the largest request that {archive} takes, then release"
        case 415:
            return held_for_context(archive)
    return f"The log of {archive} says why it answered {http_status}; correct that, then release"


def held_for_anonymising(ae_title: str) -> str:
    """No anonymised copy of the instance can be made."""
    return (
        f"It does not go to {ae_title} as it is. Have its sender send it in a transfer syntax that "
        "EchoNode decodes (docs/anonymised-copies.md); then release"
    )


def held_for_context(ae_title: str) -> str:
    """The archive takes no transfer syntax in which the instance can be sent."""
    return (
        f"Let {ae_title} accept the class and transfer syntax named, or allow `lossy` for it under "
        "`destinations`; then release"
    )


def held_for_commitment(ae_title: str) -> str:
    """The archive stored it and does not commit to keep it."""
    return (
        f"Find out at {ae_title} why it does not commit to it; then release, and it is sent again"
    )


def held_for_breaking_off(ae_title: str) -> str:
    """The archive breaks the association off at this instance, and stores others."""
    return f"Look into the log of {ae_title}: this image makes it break off; then release"


def held_for_fault_here() -> str:
    """Our own code failed at it."""
    return "The line `job_held` in this node's log says why; correct that, then release"

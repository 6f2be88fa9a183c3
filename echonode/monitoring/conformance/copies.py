"""What leaves as a copy, what lies here, and who did what: media, de-identification, audit.

Sources: copies/media/profiles.py, copies/formats.py, copies/deidentification/, at_rest/, the audit
trail of every node, and where the configuration sends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from echonode.at_rest.file_format import CHUNK
from echonode.config import Config
from echonode.config.audit import Audit
from echonode.copies.deidentification.profile import BASIC
from echonode.copies.formats import FORMATS
from echonode.copies.media.profiles import Profile, syntax_for
from echonode.dimse.contexts import STORAGE_SYNTAXES
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.names import syntax_names
from echonode.transcoding.dataset import CONVERTED

MEDIA: Final = Kind(
    name="media-profile",
    section="5.4",
    title="Application profiles, as file-set creator (`echonode export --media`)",
    columns=("profile", "transfer syntaxes that are kept; others that are read become Explicit VR"),
    says="A medium of the profile `{0}` keeps objects in: {1}.",
)
FORMAT: Final = Kind(
    name="copy-format",
    section="5.4",
    title="Copies outside DICOM (`echonode export --format`)",
    columns=("format", "what an instance becomes"),
    says="`--format {0}` writes {1}.",
)
CONFIDENTIALITY: Final = Kind(
    name="confidentiality-profile",
    section="1.6",
    title="De-identification (`echonode export --anonymise`)",
    columns=("name", "profile"),
    says="The name `{0}` is the {1}.",
)
AUDIT: Final = Kind(
    name="audit-trail",
    section="8.4.6",
    title="Audit trail",
    columns=("what", "support"),
    says="{0}: {1}.",
)
AT_REST: Final = Kind(
    name="encryption-at-rest",
    section="8.7.3",
    title="Encryption at rest (of EchoNode's own; PS3.15 has no profile for a node's store)",
    columns=("what is stored", "how"),
    says="{0} are stored in {1}.",
)
KINDS: Final = (MEDIA, FORMAT, CONFIDENTIALITY, AUDIT, AT_REST)

# Of images that any sender made. The others need what EchoNode's own probes keep with them: scan
# lines, or where the probe was.
_OF_ANY_IMAGE: Final = ("png", "jpeg", "mp4", "gif", "apng", "webp", "npz", "nifti", "mha", "nrrd")
_SYSLOG: Final = {
    "tls": ("SYSLOG-TLS (PS3.15 A.6)", "RFC 5425"),
    "udp": ("SYSLOG-UDP (PS3.15 A.7)", "RFC 5426"),
}


def copy_claims(config: Config) -> Iterator[Claim]:
    """Every claim of this module."""
    for profile in Profile:
        kept = [
            uid for uid in sorted(STORAGE_SYNTAXES & CONVERTED) if syntax_for(profile, uid) == uid
        ]
        yield MEDIA.claim(profile, profile, syntax_names(kept))
    for name in _OF_ANY_IMAGE:
        yield FORMAT.claim(name, name, FORMATS[name].says)
    yield CONFIDENTIALITY.claim(
        BASIC, BASIC, "Basic Application Level Confidentiality Profile (PS3.15 annex E)"
    )
    yield AUDIT.claim(
        "message-format",
        "Audit Trail Message Format (PS3.15 A.5)",
        "every access is recorded here, in a chain that shows a change",
    )
    yield from _transmission(config.audit)
    if config.encryption.key is not None:
        yield AT_REST.claim(
            "files",
            "Instances, files being received, quarantine and scan lines",
            f"AES-256-GCM, in chunks of {CHUNK // 1024} KiB, with a key of its own for each file",
        )
        yield AT_REST.claim(
            "databases", "Index and audit trail", "SQLCipher: AES-256, each page authenticated"
        )


def _transmission(audit: Audit) -> Iterator[Claim]:
    """Where records are sent, if they are."""
    if audit.receiver is not None:
        profile, transport = _SYSLOG[audit.transport]
        yield AUDIT.claim(
            f"transmission-{audit.transport}",
            f"Audit Trail Message Transmission Profile, {profile}",
            f"every record, by {transport}, with MSGID {audit.message_id}",
        )

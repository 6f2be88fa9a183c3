"""Who is who on the network: AE titles, UIDs and peers.

Rules
- An AE title is 1 to 16 characters of the default repertoire without backslash or control
  characters; leading and trailing spaces do not count (PS3.5 6.2, VR AE).
- A UID is components of digits without leading zeros, joined by dots, 64 characters at most
  (PS3.5 9.1). Values from the wire are checked here before anything else sees them.
- UIDs that we make are 2.25.<UUID as a decimal> (PS3.5 B.2) with a version 5 UUID, derived from
  what the object is, so that the same capture gets the same UID again after a restart.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from echonode import __version__
from echonode.model.certificate import Network, TLSFiles

_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", re.ASCII)
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_NAMESPACE = uuid.UUID("6f1f3f0e-6e0c-5c0e-9d2a-2f6d1b7a4c11")

IMPLEMENTATION_CLASS_UID = "2.25.276414316826184563927106152186912018311"
# PS3.7 D.3.3.2: 1 to 16 characters. The major and minor version, of the one place that has them.
IMPLEMENTATION_VERSION_NAME = "ECHONODE_" + "_".join(__version__.split(".")[:2])


def is_valid_uid(value: str) -> bool:
    """Whether `value` has the form of a UID (PS3.5 9.1)."""
    return 0 < len(value) <= 64 and _UID.fullmatch(value) is not None


def is_valid_ae_title(value: str) -> bool:
    """Whether `value` is an AE title once its padding is taken off (PS3.5 6.2)."""
    return _AE_TITLE.fullmatch(value.strip(" ")) is not None


def derive_uid(*parts: str) -> str:
    """The UID for what `parts` describe; the same parts give the same UID at any time."""
    # The unit separator cannot be in any part, so ("ab", "c") and ("a", "bc") differ.
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(31).join(parts)).int}"


class Service(StrEnum):
    """What a peer may ask of us, as written under `may` in the configuration."""

    ECHO = "echo"
    STORE = "store"
    FIND = "find"
    MOVE = "move"
    GET = "get"
    COMMIT = "commit"
    WORKLIST = "worklist"  # our worklist, and procedure steps reported on it


class ReportRoute(StrEnum):
    """The association that a peer is first reported to on; the other one is the second choice."""

    NEW_ASSOCIATION = "new_association"
    SAME_ASSOCIATION = "same_association"


@dataclass(frozen=True, kw_only=True)
class WebAccess:
    """How an archive is reached by DICOMweb, and the files that hold what opens it.

    path: of the base URL, without a slash at its end. token_file: a bearer token (RFC 6750).
    user, password_file: basic authentication (RFC 7617). Neither: none is sent.
    """

    is_encrypted: bool
    path: str
    token_file: Path | None = None
    user: str = ""
    password_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A configured remote application entity, or a DICOMweb server.

    calling_ae_titles: others that it calls us with. titles: all of them. tls: with which files we
    call it; None calls in clear. certificates: the only ones it may show
    (see model/certificate.py). addresses: the only ones it may call from; empty for any.
    private_classes: storage classes that are not the standard's are accepted from it. report_on:
    where our commitment reports to it go. relational: its queries are relational (PS3.4 C.4.1.2.2)
    without being negotiated so. web: it is a DICOMweb server, which has no AE title: its name
    stands there.
    """

    name: str
    ae_title: str
    host: str
    port: int
    may: frozenset[Service]
    calling_ae_titles: tuple[str, ...] = ()
    tls: TLSFiles | None = None
    certificates: tuple[str, ...] = ()
    addresses: tuple[Network, ...] = ()
    private_classes: bool = False
    report_on: ReportRoute = ReportRoute.NEW_ASSOCIATION
    relational: bool = False
    web: WebAccess | None = None

    def __post_init__(self) -> None:
        if self.web is None and not is_valid_ae_title(self.ae_title):
            raise ValueError(f"not an AE title: {self.ae_title!r}")
        if not 0 < self.port < 65536:
            raise ValueError(f"not a port: {self.port}")

    @property
    def titles(self) -> tuple[str, ...]:
        """Every AE title that it may call with, without padding."""
        return tuple(title.strip() for title in (self.ae_title, *self.calling_ae_titles))


@dataclass(frozen=True, kw_only=True)
class CallBackAddress:
    """Where an archive must be able to open an association with us, to report."""

    ae_title: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"AE {self.ae_title} at {self.host}:{self.port}"


class CommitmentPolicy(StrEnum):
    """What proof a destination gives that it keeps an instance."""

    REQUIRED = "required"  # storage commitment (PS3.4 annex J)
    VERIFY = "verify"  # no commitment: each instance is found by C-FIND, or QIDO-RS
    NONE = "none"  # the C-STORE status is all there is; nothing is ever deleted for it


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A peer that our instances go to; named by the peer's name."""

    peer: Peer
    commitment: CommitmentPolicy

    @property
    def name(self) -> str:
        return self.peer.name

"""Whose certificate it is, and where an AE may call from: decisions without a socket.

Rules
- A certificate counts here only once TLS has verified it (issuer, dates, revocation). What it then
  says is compared with the configuration.
- `peers.NAME.certificate` binds: a SHA-256 fingerprint is one certificate, a name is whatever our
  authority issues to that name (subject common name, or DNS name, IP address or URI of its subject
  alternative names). Case does not count.
- A certificate that names one configured peer, by AE title or host, is that peer's although nothing
  was bound: with it no caller speaks as another peer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

Network = IPv4Network | IPv6Network

_FINGERPRINT = re.compile(r"(?:sha-?256[:=])?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})")
_SUBJECT_NAMES = frozenset({"DNS", "IP Address", "URI"})


@dataclass(frozen=True, kw_only=True)
class TLSFiles:
    """The PEM files of one end of a TLS connection (PS3.15 B.12).

    cert, key: who we are, with any intermediate certificates behind it; both or neither.
    ca: the authorities that we believe. crl: what those have revoked; None does not ask.
    """

    ca: Path
    cert: Path | None = None
    key: Path | None = None
    crl: Path | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("a certificate and its key go together")

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file there is."""
        return tuple(p for p in (self.ca, self.cert, self.key, self.crl) if p is not None)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A verified certificate.

    fingerprint: SHA-256 of its DER form, 64 hexadecimal digits. names: lower case.
    """

    fingerprint: str
    names: frozenset[str]

    @classmethod
    def of(cls, der: bytes, decoded: Mapping[str, Any]) -> Certificate:
        """From its DER form and what Python's ssl module decodes of it."""
        names = {
            value
            for relative_name in decoded.get("subject", ())
            for kind, value in relative_name
            if kind == "commonName"
        }
        names |= {
            value for kind, value in decoded.get("subjectAltName", ()) if kind in _SUBJECT_NAMES
        }
        return cls(
            fingerprint=sha256(der).hexdigest(), names=frozenset(name.lower() for name in names)
        )

    def is_bound_to(self, bindings: Sequence[str]) -> bool:
        """Whether any of a peer's `certificate` entries means this one."""
        return any(
            fingerprint_of(binding) == self.fingerprint
            if fingerprint_of(binding)
            else binding.strip().lower() in self.names
            for binding in bindings
        )

    def names_one_of(self, *names: str) -> bool:
        """Whether it was issued to any of `names`."""
        return any(name.strip().rstrip(".").lower() in self.names for name in names)


def fingerprint_of(binding: str) -> str:
    """The 64 digits of a SHA-256 fingerprint as people write it; '' where it is a name."""
    found = _FINGERPRINT.fullmatch(binding.strip().lower())
    return found.group(1).replace(":", "") if found else ""


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether a caller's address lies in one of `networks`; where none is given, it does."""
    if not networks:
        return True
    try:
        caller = ip_address(plain(address))
    except ValueError:
        return False
    return any(caller in network for network in networks)


def plain(address: str) -> str:
    """An address as it is written elsewhere.

    A socket that takes both families shows IPv4 callers as ::ffff:10.0.0.9.
    """
    try:
        caller = ip_address(address)
    except ValueError:
        return address
    return str(getattr(caller, "ipv4_mapped", None) or caller)

"""Why a TLS connection failed, as a text for the operator with a remedy.

Pure: from an OpenSSL error to a TLSFault. "It" in the texts is always the other side.
"""

from __future__ import annotations

import errno
import ssl
from dataclasses import dataclass

from echonode.system_faults import said_of


@dataclass(frozen=True, kw_only=True)
class TLSFault:
    """What is wrong, and the remedy."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}"


class TLSFailed(OSError):
    """There is no TLS connection; `fault` says why."""

    def __init__(self, fault: TLSFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class TLSFilesUnusable(TLSFailed):
    """Our certificate, key, authorities or revocation list cannot be loaded."""


def _fault(problem: str, remedy: str) -> TLSFault:
    return TLSFault(problem=problem, remedy=remedy)


TLS_ON_PLAIN_PORT = _fault(
    "it speaks TLS, and this port does not",
    "Have it call the port of a listener with `tls` (usually 2762), or switch TLS off at its side.",
)
PEER_WANTS_TLS = _fault(
    "it speaks TLS on this port, and we called in clear",
    "Give the peer a `tls` section, or the port where it listens without TLS.",
)
ANOTHER_CERTIFICATE = _fault(
    "it showed another certificate than the one under `certificate`",
    "Enter the fingerprint or name of the certificate it has now, once its operator confirms it.",
)
TOO_SLOW = _fault(
    "it did not finish the TLS handshake in time",
    "Check that it speaks TLS on this port, and the network between.",
)
HUNG_UP = _fault(
    "it closed the connection during the TLS handshake",
    "It may speak no TLS on this port, or not accept our certificate: its own log says which.",
)
UNKNOWN_ISSUER = _fault(
    "its certificate is not from an authority that we trust",
    "Add the issuer's certificate (its own, where it signed itself) to the file under `ca`.",
)
WEAK = _fault(
    "its certificate has a key or signature that is too weak",
    "Issue one with RSA of 2048 bits or more, or P-256, signed with SHA-256 or better.",
)

# By OpenSSL's X509_V_ERR_ numbers.
_VERIFICATION = {
    2: UNKNOWN_ISSUER,
    3: _fault(
        "there is no revocation list of its authority in our file under `crl`",
        "Add the list of each authority under `ca`.",
    ),
    9: _fault("its certificate is not valid yet", "Correct the clocks of both machines."),
    10: _fault("its certificate has expired", "Have a new one issued and installed at its side."),
    11: _fault("our revocation list is not valid yet", "Correct this machine's clock."),
    12: _fault("our revocation list has expired", "Put the authority's current one under `crl`."),
    18: UNKNOWN_ISSUER,
    19: UNKNOWN_ISSUER,
    20: UNKNOWN_ISSUER,
    21: UNKNOWN_ISSUER,
    23: _fault("its certificate has been revoked", "Have a new one issued, if it may still call."),
    26: _fault(
        "its certificate is not made for this use",
        "The extended key usage needs clientAuth for the caller, serverAuth for the called side.",
    ),
    66: WEAK,
    67: WEAK,
    68: WEAK,
}
_WRONG_NAME = frozenset({62, 64})

_NOT_TLS = _fault(
    "it does not speak TLS on this port",
    "One side has TLS switched on and the other has not: compare the ports and settings.",
)
_TOO_OLD = _fault(
    "it offers no TLS version that we may use", "Have it updated: TLS 1.2 is the least (RFC 8996)."
)
_OURS_REFUSED = _fault(
    "it does not accept our certificate",
    "Have the certificate under `cert`, and its issuer, entered as trusted at its side.",
)
# By the end of OpenSSL's reason: an alert that it sent, or what we found ourselves.
_REASONS = {
    "DID_NOT_RETURN_A_CERTIFICATE": _fault(
        "it showed no certificate",
        "Install one at its side, or set `require_client_cert: false` on this listener.",
    ),
    "ALERT_CERTIFICATE_REQUIRED": _fault(
        "it asks for a certificate and we have none",
        "Give `cert` and `key` in the peer's `tls` section.",
    ),
    "ALERT_CERTIFICATE_EXPIRED": _fault(
        "it says that our certificate has expired",
        "Renew the certificate under `cert`; if it has not expired, its clock is wrong.",
    ),
    "ALERT_CERTIFICATE_REVOKED": _fault(
        "it says that our certificate was revoked",
        "Have a new one issued, and put it under `cert`.",
    ),
    "ALERT_UNKNOWN_CA": _OURS_REFUSED,
    "ALERT_BAD_CERTIFICATE": _OURS_REFUSED,
    "ALERT_UNSUPPORTED_CERTIFICATE": _OURS_REFUSED,
    "ALERT_CERTIFICATE_UNKNOWN": _OURS_REFUSED,
    "ALERT_ACCESS_DENIED": _OURS_REFUSED,
    "ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "VERSION_TOO_LOW": _TOO_OLD,
    "WRONG_SSL_VERSION": _TOO_OLD,
    "NO_SHARED_CIPHER": _fault(
        "it offers no cipher suite that we may use",
        "Have those of RFC 9325 enabled there: ECDHE with AES-GCM.",
    ),
    "ALERT_HANDSHAKE_FAILURE": _fault(
        "it has no cipher suite in common with us, or requires a certificate that we do not have",
        "It needs TLS 1.2 with ECDHE and AES-GCM; give `cert` and `key` if it asks for them.",
    ),
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "HTTPS_PROXY_REQUEST": _NOT_TLS,
    "UNKNOWN_PROTOCOL": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
}


def explain(error: OSError, *, host: str = "") -> TLSFault:
    """What `error`, raised by a handshake or the first reads after it, means.

    host: the one that we called.
    """
    if isinstance(error, TLSFailed):
        return error.fault
    if isinstance(error, TimeoutError):
        return TOO_SLOW
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_verification(error, host)
    reason = getattr(error, "reason", None) or ""
    for ending, fault in _REASONS.items():
        if reason.endswith(ending):
            return fault
    gone = isinstance(error, (ssl.SSLEOFError, ConnectionError)) or error.errno == errno.ENOTCONN
    if gone or "EOF" in reason:
        return HUNG_UP
    # The reason is a constant of OpenSSL's: nothing that the other side could write.
    detail = reason or said_of(error)
    return _fault(f"the TLS handshake failed ({detail})", "The log of the other side may say more.")


def ended_by(error: OSError) -> str:
    """What ended a connection that may be encrypted, in words for a person."""
    is_tls = isinstance(error, TLSFailed | ssl.SSLError)
    return str(explain(error)) if is_tls else said_of(error)


def _of_verification(error: ssl.SSLCertVerificationError, host: str) -> TLSFault:
    if error.verify_code in _WRONG_NAME:
        return _fault(
            f"its certificate is not for the name {host}",
            "Enter the name in the certificate as `host`, or this certificate as `certificate`.",
        )
    known = _VERIFICATION.get(error.verify_code)
    return known or _fault(
        f"its certificate cannot be accepted ({error.verify_message})",
        "Have a certificate issued for it by an authority under `ca`.",
    )

"""The `audit` section: where audit records go, and how long they are kept here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from echonode.config.fields import Address, LongString, Section
from echonode.config.network import PeerTLS


class Audit(Section):
    """The audit trail (PS3.15 A.5). It is kept here in any case; docs/audit.md tells more."""

    receiver: Address | None = None
    """The audit record repository; without it, records are kept here only.
    Example: audit.clinic.example:6514"""
    transport: Literal["tls", "udp"] = "tls"
    """Syslog by TLS (RFC 5425), or by UDP (RFC 5426), which neither encrypts nor says what was
    lost. Example: udp"""
    tls: PeerTLS | None = None
    """The certificates for `transport: tls`. Example: {ca: clinic-ca.pem}"""
    message_id: Literal["IHE+RFC-3881", "DICOM+RFC3881"] = "IHE+RFC-3881"
    """MSGID of the syslog messages: IHE's (ITI-20), or that of PS3.15 A.6.
    Example: DICOM+RFC3881"""
    source: LongString = ""
    """Audit Source ID; without it, the AE title. Example: echonode-room1"""
    site: LongString = ""
    """Audit Enterprise Site ID; without it, the institution's name. Example: Example Clinic"""
    keep_days: Annotated[float, Field(ge=1, le=36500)] = 3650
    """Days that records stay here; those that the receiver does not have yet stay longer.
    Example: 365"""
    limit_mib: Annotated[int, Field(ge=16, le=1_048_576)] = 4096
    """The largest size of the trail in MiB. At this size nothing more is recorded, and an alarm
    says so. A record takes about one KiB. Example: 1024"""

    @model_validator(mode="after")
    def _tls_with_its_transport(self) -> Audit:
        if self.receiver and self.transport == "tls" and self.tls is None:
            raise ValueError("`transport: tls` needs `tls` with at least `ca`")
        if self.tls is not None and self.transport == "udp":
            raise ValueError("`tls` goes with `transport: tls`")
        return self

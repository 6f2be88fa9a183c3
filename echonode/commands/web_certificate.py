"""`echonode web-certificate`: an authority of this node's own, and its server's certificate.

Rules
- The authority is kept: a tablet that trusts it trusts every later certificate. The server's is
  a new one each time, with a new key.
- Lifetimes: the authority 10 years; the server 397 days, for Apple's browsers refuse one of more
  than 825 days, and those of public authorities of more than 398.
- Keys are P-256, readable by their owner alone from the moment they exist. Files are replaced
  whole: a running node finds the old certificate or the new one.
- The authority issues no other authority, and its key stays on this machine.
"""

from __future__ import annotations

import io
import ipaddress
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import segno
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from echonode.errors import UsageError

AUTHORITY_DAYS = 3652
SERVER_DAYS = 397
# A device whose clock is a little slow takes it too.
_EARLIER = timedelta(hours=1)
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made. fingerprint: SHA-256 of the authority's certificate."""

    folder: Path
    hosts: tuple[str, ...]
    fingerprint: str
    new_authority: bool
    until: datetime


def make_certificate(folder: Path, hosts: list[str], *, now: datetime) -> Made:
    """Make web.pem and web.key in `folder`, and web-ca.pem and web-ca.key where they are missing.

    Raises UsageError for a host that is no name or address, or a folder that cannot be used.
    """
    names = [_general_name(host) for host in hosts]
    if not names:
        raise UsageError("give --host NAME, as the tablet will call this node")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = not (folder / "web-ca.key").exists()
        if new:
            _make_authority(folder, now)
        authority, key = _authority(folder)
        until = min(now + timedelta(days=SERVER_DAYS), authority.not_valid_after_utc)
        _make_server(folder, names, authority, key, now=now, until=until)
    except OSError as error:
        raise UsageError(f"{folder} cannot be used: {error.strerror}: give --out DIR") from error
    return Made(
        folder=folder,
        hosts=tuple(hosts),
        fingerprint=authority.fingerprint(hashes.SHA256()).hex(":").upper(),
        new_authority=new,
        until=until,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST_NAME.fullmatch(host) or len(host) > 253:
            raise UsageError(f"{host[:80]!r} is not a host name or IP address") from None
        return x509.DNSName(host.lower())


def _make_authority(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "EchoNode"),
            # Two nodes' authorities have different names, as browsers tell them apart by it.
            x509.NameAttribute(NameOID.COMMON_NAME, f"EchoNode {os.urandom(4).hex()} authority"),
        ]
    )
    certificate = (
        _builder(name, name, key, now, now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "web-ca.pem", certificate.public_bytes(Encoding.PEM), mode=0o644)
    _write(folder / "web-ca.key", _pem(key), mode=0o600)


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Raises UsageError where the files are not those of one authority."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / "web-ca.pem").read_bytes())
        key = load_pem_private_key((folder / "web-ca.key").read_bytes(), password=None)
    except ValueError:
        raise UsageError(
            f"web-ca.pem or web-ca.key in {folder} is damaged: move both away"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != (
        certificate.public_key()
    ):
        raise UsageError(f"web-ca.pem and web-ca.key in {folder} do not fit: move both away")
    return certificate, key


def _make_server(
    folder: Path,
    names: list[x509.GeneralName],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
    until: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:64])])
    issuer_key = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _builder(subject, authority.subject, key, now, until)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    chain = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    _write(folder / "web.key", _pem(key), mode=0o600)
    _write(folder / "web.pem", chain, mode=0o644)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Whole or not at all, and never readable by more than `mode` allows."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def steps(made: Made, *, port: int) -> str:
    """What a person does next, at this machine and at the tablet; with a QR code for the tablet."""
    host = made.hosts[0]
    address = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    code = io.StringIO()
    segno.make(f"{address}/ca.crt", error="m").terminal(out=code, compact=True)
    files = made.folder.absolute()
    kept = "made" if made.new_authority else "kept: tablets that trust it need nothing new"
    return f"""\
The certificate for {", ".join(made.hosts)} is valid until {made.until:%Y-%m-%d}.
The authority is {kept}.

1. In the configuration, then restart the node (a renewed certificate needs no restart):

     web:
       host: 0.0.0.0
       port: {port}
       tls: {{cert: {files / "web.pem"}, key: {files / "web.key"}}}

2. On the tablet, open {address}/ca.crt by this code. The browser warns this
   once, as it does not know the authority yet: go on.

{code.getvalue()}
3. Before you install what it downloaded, compare its SHA-256 fingerprint:

     {made.fingerprint}

   iPad, iPhone   Settings > Profile Downloaded > Install; then General > About > Certificate Trust
                  Settings > switch the authority on
   Android        Settings > Security > Encryption & credentials > Install a certificate > CA
                  certificate
   Windows        open the file > Install Certificate > Trusted Root Certification Authorities
   macOS          open the file in Keychain Access > set Trust to Always Trust
   Firefox        Settings > Privacy & Security > View Certificates > Authorities > Import

4. On the tablet, open {address}/ : there is no warning any more.

Keep {files / "web-ca.key"} on this machine: who has it can imitate any site to these tablets.
"""

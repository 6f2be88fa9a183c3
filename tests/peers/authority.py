"""A certificate authority made with the openssl command, as a clinic's administrator would.

authority = Authority(folder)
pacs = authority.issue("pacs")            # pacs.cert, pacs.key, authority.certificate: PEM files
old = authority.issue("old", ends=datetime(2020, 1, 1, tzinfo=UTC))
authority.revoke(old)
authority.crl()
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

from tests.peers.programs import find_program

LOCAL = ("DNS:localhost", "IP:127.0.0.1")
BOTH = "serverAuth,clientAuth"

_CONFIGURATION = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A certificate and its key."""

    name: str
    cert: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its DER form, as `openssl x509 -fingerprint -sha256` tells it."""
        pem = self.cert.read_text()
        digits = sha256(PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN") :])).hexdigest().upper()
        return ":".join(digits[i : i + 2] for i in range(0, 64, 2))


class Authority:
    """One authority with its folder; everything in it is made by openssl."""

    def __init__(self, folder: Path, *, name: str = "Clinic CA") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._configuration = folder / "openssl.cnf"
        self._configuration.write_text(_CONFIGURATION.format(folder=folder))
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        (folder / "crlnumber").write_text("01\n")
        self.certificate = folder / "ca.pem"
        self._new_key(folder / "ca.key")
        self._openssl("req", "-x509", "-new", "-key", folder / "ca.key", "-days", "500",
                      "-subj", f"/CN={name}", "-extensions", "authority",
                      "-config", self._configuration, "-out", self.certificate)  # fmt: skip

    def issue(
        self,
        name: str,
        *,
        sans: Sequence[str] = LOCAL,
        usage: str = BOTH,
        starts: datetime | None = None,
        ends: datetime | None = None,
        common_name: str = "",
    ) -> Issued:
        """A certificate for `name` (its subject's common name), P-256."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        self._new_key(key)
        self._openssl("req", "-new", "-key", key, "-subj", f"/CN={common_name or name}",
                      "-config", self._configuration, "-out", request)  # fmt: skip
        lines = [f"subjectAltName={','.join(sans)}"] if sans else []
        extensions.write_text("\n".join([*lines, f"extendedKeyUsage={usage}"]))
        ends = ends or datetime.now(UTC) + timedelta(days=365)
        starts = starts or min(datetime.now(UTC), ends) - timedelta(days=1)
        self._openssl("ca", "-batch", "-notext", "-config", self._configuration, "-in", request,
                      "-startdate", _moment(starts), "-enddate", _moment(ends),
                      "-extfile", extensions, "-out", cert)  # fmt: skip
        return Issued(name=name, cert=cert, key=key)

    def revoke(self, issued: Issued) -> None:
        self._openssl("ca", "-config", self._configuration, "-revoke", issued.cert)

    def crl(self, *, days: int = 1) -> Path:
        """The list of what is revoked by now."""
        path = self.folder / "crl.pem"
        self._openssl("ca", "-config", self._configuration, "-gencrl", "-crldays", str(days),
                      "-out", path)  # fmt: skip
        return path

    def _new_key(self, path: Path) -> None:
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-out", path)  # fmt: skip
        path.chmod(0o600)

    @staticmethod
    def _openssl(*arguments: str | Path) -> None:
        command = [find_program("openssl"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def _moment(when: datetime) -> str:
    return when.strftime("%Y%m%d%H%M%SZ")

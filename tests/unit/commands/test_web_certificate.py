"""The console's certificate: authority, names, dates and private keys."""

from __future__ import annotations

import io
import ipaddress
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import segno
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from echonode.cli import app
from echonode.commands.web_certificate import make_certificate
from echonode.errors import UsageError

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def chain(folder: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((folder / "web.pem").read_bytes())


def test_names_and_addresses_are_in_the_certificate(tmp_path: Path) -> None:
    """As browsers look for them; for a server alone, of 397 days."""
    make_certificate(tmp_path, ["Echo.clinic.example", "10.0.0.5", "fe80::1"], now=NOW)
    server, authority = chain(tmp_path)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["echo.clinic.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("10.0.0.5"),
        ipaddress.ip_address("fe80::1"),
    ]
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert server.not_valid_after_utc - NOW == timedelta(days=397)
    server.verify_directly_issued_by(authority)
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert (limits.value.ca, limits.value.path_length) == (True, 0)


def test_a_renewal_keeps_the_authority(tmp_path: Path) -> None:
    """Tablets trust the new certificate; its key is a new one."""
    first = make_certificate(tmp_path, ["a.example"], now=NOW)
    before, key = chain(tmp_path), (tmp_path / "web.key").read_bytes()
    second = make_certificate(tmp_path, ["b.example"], now=NOW + timedelta(days=300))
    after = chain(tmp_path)
    assert (first.new_authority, second.new_authority) == (True, False)
    assert after[1] == before[1]
    assert after[0] != before[0]
    assert (tmp_path / "web.key").read_bytes() != key
    assert first.fingerprint == second.fingerprint


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    """Its last year is shorter."""
    make_certificate(tmp_path, ["a.example"], now=NOW)
    made = make_certificate(tmp_path, ["a.example"], now=NOW + timedelta(days=3600))
    server, authority = chain(tmp_path)
    assert server.not_valid_after_utc == authority.not_valid_after_utc == made.until


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    """Mode 0600; no other file is left."""
    make_certificate(tmp_path / "tls", ["a.example"], now=NOW)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "tls").iterdir()}
    assert modes == {"web-ca.key": 0o600, "web-ca.pem": 0o644, "web.key": 0o600, "web.pem": 0o644}


@pytest.mark.parametrize("host", ["", "https://a.example", "a b", "-a", "a" * 64, "*.example"])
def test_what_is_no_host_is_refused(tmp_path: Path, host: str) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError, match="host name"):
        make_certificate(tmp_path / "tls", [host], now=NOW)
    assert not (tmp_path / "tls").exists()


def test_damaged_files_of_the_authority_are_left_alone(tmp_path: Path) -> None:
    """A new one would not be trusted by any tablet: a person decides."""
    make_certificate(tmp_path, ["a.example"], now=NOW)
    (tmp_path / "web-ca.key").write_text("damaged")
    with pytest.raises(UsageError, match="move both away"):
        make_certificate(tmp_path, ["a.example"], now=NOW)
    other = tmp_path / "other"
    make_certificate(other, ["a.example"], now=NOW)
    (tmp_path / "web-ca.key").write_bytes((other / "web-ca.key").read_bytes())
    with pytest.raises(UsageError, match="do not fit"):
        make_certificate(tmp_path, ["a.example"], now=NOW)


@pytest.mark.slow
def test_the_command_tells_what_to_do_next(tmp_path: Path) -> None:
    """The configuration's lines, the tablet's steps with a code, and the fingerprint to compare."""
    config = tmp_path / "echonode.yaml"
    config.write_text(
        f"ae_title: A\ndata_dir: {tmp_path}\nlisten: [{{port: 104}}]\nweb: {{port: 8443}}\n"
    )
    done = CliRunner().invoke(
        app, ["web-certificate", "--host", "10.0.0.5", "--config", str(config)]
    )
    assert done.exit_code == 0, done.output
    assert "https://10.0.0.5:8443/ca.crt" in done.output
    code = io.StringIO()
    segno.make("https://10.0.0.5:8443/ca.crt", error="m").terminal(out=code, compact=True)
    assert code.getvalue() in done.output
    assert str(tmp_path / "tls" / "web.pem") in done.output

"""Certificate files are checked before the first call: faults stop the node, doubts do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from echonode.config import Config, parse
from echonode.config.certificates import tls_doubts
from echonode.errors import ConfigError

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(tmp_path: Path, authority: trustme.CA) -> Path:
    """ca.pem, and a certificate that is valid for a year with its key."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issue(tmp_path, authority)
    return tmp_path


def issue(
    folder: Path,
    authority: trustme.CA,
    *,
    starts: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=365),
) -> None:
    issued = authority.issue_cert("node.clinic.example", not_before=starts, not_after=ends)
    (folder / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())
    (folder / "key.pem").chmod(0o600)


def text(folder: Path, *, peer: str = "", more: str = "") -> str:
    """A configuration with a TLS listener and a peer that is called by TLS."""
    files = f"cert: {folder}/cert.pem, key: {folder}/key.pem, ca: {folder}/ca.pem"
    return f"""
ae_title: ECHONODE
data_dir: {folder}/var
listen:
  - {{host: 0.0.0.0, port: 2762, tls: {{{files}{more}}}}}
peers:
  pacs: {{ae_title: PACS, host: pacs.example, port: 2762, may: [echo], tls: {{{files}}}{peer}}}
"""


def faults(configuration: str) -> dict[str, str]:
    """path -> 'problem. remedy' of every fault."""
    with pytest.raises(ConfigError) as caught:
        parse(configuration, {})
    return {fault.path: f"{fault.problem}. {fault.remedy}" for fault in caught.value.faults}


def doubts(configuration: str, now: datetime = NOW) -> dict[str, str]:
    config = parse(configuration, {})
    return {doubt.path: f"{doubt.problem}. {doubt.remedy}" for doubt in tls_doubts(config, now)}


def bound(folder: Path) -> str:
    """A configuration that leaves nothing to doubt."""
    return text(folder, peer=", certificate: pacs.example")


def test_good_files_leave_nothing_to_say(folder: Path) -> None:
    """Certificates that fit, their keys, and every caller bound to its own."""
    assert doubts(bound(folder)) == {}


@pytest.mark.parametrize("broken", ["cert", "key", "ca"])
def test_a_file_that_is_not_there_or_is_another_is_named(folder: Path, broken: str) -> None:
    """At the listener and at the peer, each with its place; the others are not blamed."""
    (folder / f"{broken}.pem").write_bytes(b"\x30\x82 der, or anything")
    (folder / "key.pem").chmod(0o600)
    wrong = faults(text(folder))
    assert set(wrong) == {f"listen[0].tls.{broken}", f"peers.pacs.tls.{broken}"}
    assert "PEM" in wrong[f"listen[0].tls.{broken}"]
    (folder / f"{broken}.pem").unlink()
    assert "No such file" in faults(text(folder))[f"peers.pacs.tls.{broken}"]


def test_a_key_of_another_certificate_is_named(folder: Path, authority: trustme.CA) -> None:
    """The commonest mistake when files are copied."""
    other = authority.issue_cert("other.example")
    (folder / "key.pem").write_bytes(other.private_key_pem.bytes())
    assert "is not the key of" in faults(text(folder))["listen[0].tls.key"]


def test_a_locked_key_is_named(folder: Path) -> None:
    """A daemon cannot type a passphrase; the remedy is the command that unlocks it."""
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (folder / "key.pem").write_bytes(locked)
    assert "openssl pkey" in faults(text(folder))["listen[0].tls.key"]


def test_a_key_that_others_can_read_is_a_fault(folder: Path) -> None:
    """A key that every user of the machine can copy proves nothing."""
    (folder / "key.pem").chmod(0o640)
    assert "chmod 600" in faults(text(folder))["listen[0].tls.key"]


def test_half_a_certificate_is_named(folder: Path) -> None:
    """It looks like PEM, and is not."""
    whole = (folder / "cert.pem").read_text()
    (folder / "cert.pem").write_text(whole[:200] + whole[-30:])
    assert "cannot be used" in faults(text(folder))["listen[0].tls.cert"]


def test_a_revocation_list_is_looked_at_too(folder: Path) -> None:
    """Under `crl` a certificate is not a list, and a missing file is not an empty one."""
    assert "X509 CRL" in faults(text(folder, more=f", crl: {folder}/ca.pem"))["listen[0].tls.crl"]
    missing = faults(text(folder, more=f", crl: {folder}/none.pem"))
    assert "No such file" in missing["listen[0].tls.crl"]


def test_a_peer_that_asks_for_no_certificate_needs_only_its_authority(folder: Path) -> None:
    """`cert` and `key` go together, or not at all."""
    configuration = text(folder)
    files = f"cert: {folder}/cert.pem, key: {folder}/key.pem, ca"
    head, tail = configuration.split("peers:")
    assert isinstance(parse(head + "peers:" + tail.replace(files, "ca"), {}), Config)
    half = head + "peers:" + tail.replace(f"key: {folder}/key.pem, ", "")
    assert "go together" in faults(half)["peers.pacs.tls"]


TIMES = [
    (timedelta(days=0), ""),
    (timedelta(days=340), "expires in 2"),
    (timedelta(days=400), "expired on"),
    (timedelta(days=-2), "is valid from"),
]


@pytest.mark.parametrize(("later", "words"), TIMES)
def test_what_time_does_is_told_and_stops_nothing(
    folder: Path, later: timedelta, words: str
) -> None:
    """An expired certificate must not keep a node from taking the probe's images."""
    told = doubts(bound(folder), NOW + later)
    assert ("listen[0].tls.cert" in told) == bool(words)
    assert words in told.get("listen[0].tls.cert", "")


def test_a_certificate_that_has_expired_does_not_stop_the_node(
    folder: Path, authority: trustme.CA
) -> None:
    """Not even its own trial handshake minds; the log and check-config say what to renew."""
    issue(folder, authority, starts=NOW - timedelta(days=9), ends=NOW - timedelta(days=2))
    assert "expired on" in doubts(bound(folder))["listen[0].tls.cert"]


def test_an_authority_that_runs_out_is_told(folder: Path) -> None:
    """With it every certificate of the clinic ends at once."""
    told = doubts(bound(folder), datetime(9000, 1, 1, tzinfo=UTC))
    assert "expired" in told["listen[0].tls.ca"]


def test_callers_that_nothing_is_bound_to_are_told(folder: Path) -> None:
    """Trust in an authority is not yet proof of an AE title."""
    told = doubts(text(folder))
    assert "pacs" in told["listen[0].tls"]
    assert "`certificate`" in told["listen[0].tls"]


@pytest.mark.parametrize(
    ("peer", "path", "words"),
    [
        (", certificate: 'SHA256:AB:CD'", "peers.pacs.certificate[0]", "64 hexadecimal"),
        (", certificate: ''", "peers.pacs.certificate[0]", ""),
        (", addresses: [10.0.0.9/24]", "peers.pacs.addresses[0]", "10.0.0.0/24"),
        (", addresses: [pacs.example]", "peers.pacs.addresses[0]", "not an IP address"),
        (", addresses: 10.0.0.9", "peers.pacs.addresses", ""),
    ],
)
def test_what_binds_a_peer_is_checked(folder: Path, peer: str, path: str, words: str) -> None:
    """A fingerprint with a digit missing, or a network with host bits, would never match."""
    found = faults(text(folder, peer=peer))
    assert words in found[path]


def test_a_certificate_that_can_never_be_shown_is_a_fault(folder: Path) -> None:
    """A caller that must prove itself by TLS needs a listener that speaks it."""
    plain = bound(folder)
    head, tail = plain.split("listen:")
    plain = head + "listen: [{host: 127.0.0.1, port: 104}]\npeers:" + tail.split("peers:")[1]
    assert "no listener speaks TLS" in faults(plain)["peers.pacs.certificate"]
    called_only = plain.replace("may: [echo]", "may: []")
    assert isinstance(parse(called_only, {}), Config)


def test_bindings_and_addresses_become_the_peers(folder: Path) -> None:
    """One entry or a list of them; networks of either family."""
    peer = ", certificate: [pacs.example, other], addresses: [10.0.0.9, 'fd00::/8']"
    (value,) = parse(text(folder, peer=peer), {}).peer_values()
    assert value.certificates == ("pacs.example", "other")
    assert [str(network) for network in value.addresses] == ["10.0.0.9/32", "fd00::/8"]
    assert value.tls is not None
    assert value.tls.ca == folder / "ca.pem"


@pytest.fixture
def only_for_callers(folder: Path, authority: trustme.CA) -> Path:
    """A certificate whose extended key usage is clientAuth alone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "caller")])
    usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=300))
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


def test_a_certificate_must_be_made_for_its_use(only_for_callers: Path) -> None:
    """One for callers is no good at a listener, where every peer would refuse it."""
    found = faults(text(only_for_callers))
    assert set(found) == {"listen[0].tls.cert"}
    assert "serverAuth" in found["listen[0].tls.cert"]

"""We call by TLS: real peers are served and known for who they are; every "no" says why."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from echonode.dimse.contexts import VERIFICATION, ProposedContext
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.errors import AssociationLost, PeerUnreachable
from echonode.model.certificate import TLSFiles
from echonode.model.identity import Peer
from tests.integration.dimse.parts import LOOPBACK, peer
from tests.integration.dimse.pki import Clinic
from tests.integration.dimse.test_dcmtk import dataset_bytes, part10_of
from tests.peers.authority import Issued
from tests.peers.dcmtk import StoreScp
from tests.peers.fixtures import require_program
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess

pytestmark = pytest.mark.peers

PATIENT = Limits(connect_s=5.0, acse_s=5.0, linger_s=0.3)


@pytest.fixture
def make_archive(make_storescp: Callable[..., StoreScp], clinic: Clinic) -> Callable[..., StoreScp]:
    """DCMTK's storescp by TLS, with this certificate."""

    def start(issued: Issued, *more: str) -> StoreScp:
        ca = str(clinic.authority.certificate)
        own = ("+tls", str(issued.key), str(issued.cert), "+cf", ca)
        return make_storescp(options=("+xa", *own, *more))

    return start


def known(
    clinic: Clinic,
    port: int,
    *,
    own: Issued | None = None,
    tls: TLSFiles | None = None,
    **changes: object,
) -> Peer:
    """The archive as our configuration has it."""
    tls = tls or clinic.files(own or clinic.modality)
    archive = peer("pacs", ae_title="STORESCP", port=port)
    return replace(archive, tls=tls, **changes)  # type: ignore[arg-type]


def echo(archive: Peer) -> int:
    """C-ECHO; raises what `associate` does."""
    with Requestor(ae_title="SCU", limits=PATIENT).associate(archive, [VERIFICATION]) as assoc:
        return assoc.c_echo()


# --- who is reached ---


def test_dcmtk_gets_bit_for_bit(
    make_archive: Callable[..., StoreScp], clinic: Clinic, shared_data: Path
) -> None:
    """What storescp writes is what our file holds, sent by TLS with our certificate shown."""
    archive = make_archive(clinic.node)
    path = shared_data / "us" / "philips_epiq5g_mono.dcm"
    file = part10_of(path)
    context = ProposedContext(
        abstract_syntax=file.sop_class_uid, transfer_syntaxes=(file.transfer_syntax_uid,)
    )
    requestor = Requestor(ae_title="SCU")
    with requestor.associate(known(clinic, archive.port), [context]) as assoc:
        assert assoc.c_store(file).status == 0
    assert [dataset_bytes(received) for received in archive.received()] == [dataset_bytes(path)]


def test_orthanc_is_reached_by_tls(
    make_orthanc: Callable[..., OrthancServer], clinic: Clinic
) -> None:
    """Orthanc with DICOM TLS answers us, and asks for our certificate."""
    orthanc = make_orthanc(options=orthanc_tls(clinic, clinic.node))
    archive = known(clinic, orthanc.dicom_port, ae_title="ORTHANC")
    assert echo(archive) == 0
    with pytest.raises(PeerUnreachable):
        echo(replace(archive, tls=clinic.files()))


def orthanc_tls(clinic: Clinic, issued: Issued) -> dict[str, object]:
    """Orthanc's settings for DICOM TLS on its DICOM port."""
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(issued.cert),
        "DicomTlsPrivateKey": str(issued.key),
        "DicomTlsTrustedCertificates": str(clinic.authority.certificate),
        "DicomTlsRemoteCertificateRequired": True,
    }


def test_an_archive_that_asks_for_no_certificate_needs_none(
    make_archive: Callable[..., StoreScp], clinic: Clinic
) -> None:
    """`tls: {ca: ...}` alone is enough where the other side does not ask."""
    archive = make_archive(clinic.node, "-ic")
    assert echo(known(clinic, archive.port, tls=clinic.files())) == 0


@pytest.mark.parametrize("bound", ["fingerprint", "name"])
def test_a_bound_certificate_needs_no_fitting_name(
    make_archive: Callable[..., StoreScp], clinic: Clinic, bound: str
) -> None:
    """`certificate` says which it must be; then the host may be called what it likes."""
    archive = make_archive(clinic.wrong_name)
    entry = clinic.wrong_name.fingerprint if bound == "fingerprint" else "PACS.elsewhere.example"
    assert echo(known(clinic, archive.port, certificates=("another", entry))) == 0


# --- who is not, and why ---


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("wrong_name", "certificate is not for the name 127.0.0.1"),
        ("expired", "certificate has expired"),
        ("future", "certificate is not valid yet"),
        ("untrusted", "not from an authority that we trust"),
        ("revoked", "has been revoked"),
    ],
)
def test_a_peer_whose_certificate_does_not_count_is_not_called(
    make_archive: Callable[..., StoreScp], clinic: Clinic, which: str, words: str
) -> None:
    """Nothing is said to an archive that may be another; the error says why, and what to do."""
    archive = make_archive(getattr(clinic, which))
    files = clinic.files(clinic.modality, crl=True)
    with pytest.raises(PeerUnreachable, match=words):
        echo(known(clinic, archive.port, tls=files))


def test_another_certificate_than_the_bound_one_is_refused(
    make_archive: Callable[..., StoreScp], clinic: Clinic
) -> None:
    """Valid, trusted and for the right name, but not the archive's: it is not called."""
    archive = make_archive(clinic.node)
    with pytest.raises(PeerUnreachable, match="another certificate"):
        echo(known(clinic, archive.port, certificates=(clinic.viewer.fingerprint,)))


def test_a_certificate_that_the_archive_does_not_take_is_named(
    make_archive: Callable[..., StoreScp], clinic: Clinic
) -> None:
    """DCMTK refuses an expired certificate of ours, and one from an authority it does not know."""
    archive = make_archive(clinic.node)
    with pytest.raises(PeerUnreachable, match="our certificate has expired"):
        echo(known(clinic, archive.port, own=clinic.expired))
    with pytest.raises(PeerUnreachable, match="does not accept our certificate"):
        echo(known(clinic, archive.port, own=clinic.untrusted))
    with pytest.raises(PeerUnreachable, match="asks for a certificate"):
        echo(known(clinic, archive.port, tls=clinic.files()))


def test_a_peer_without_tls_is_named(storescp: StoreScp, clinic: Clinic) -> None:
    """TLS to a plain port says so, whether the peer answers in DICOM or hangs up."""
    with pytest.raises(PeerUnreachable, match=r"speaks? (no )?TLS on this port"):
        echo(known(clinic, storescp.port))


def test_a_peer_that_wants_tls_is_named(
    make_archive: Callable[..., StoreScp], clinic: Clinic
) -> None:
    """In clear to a TLS port: the error says that a `tls` section is missing.

    DCMTK and OpenSSL hang up without a word; others send a TLS alert.
    """
    archive = make_archive(clinic.node)
    with pytest.raises(AssociationLost, match="`tls` section"):
        echo(replace(known(clinic, archive.port), tls=None))
    with socket.create_server((LOOPBACK, 0)) as alerting:
        answering = threading.Thread(target=answer_with_alert, args=(alerting,))
        answering.start()
        with pytest.raises(PeerUnreachable, match="`tls` section"):
            echo(replace(known(clinic, alerting.getsockname()[1]), tls=None))
        answering.join()


def answer_with_alert(listener: socket.socket) -> None:
    """A TLS alert, unexpected_message, to whatever comes."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"\x15\x03\x03\x00\x02\x02\x0a")


@contextlib.contextmanager
def echo_server(clinic: Clinic, *options: str) -> Iterator[int]:
    """openssl s_server: TLS and nothing behind it."""
    openssl, port = require_program("openssl"), free_port()
    own = ("-cert", str(clinic.node.cert), "-key", str(clinic.node.key))
    command = [openssl, "s_server", "-accept", str(port), "-www", *own, *options]
    folder = clinic.authority.folder
    server = ChildProcess(command, folder=folder, name=f"s_server-{port}")
    server.start(ports=(port,))
    try:
        yield port
    finally:
        server.kill()


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_a_peer_with_an_old_tls_is_not_called(clinic: Clinic, version: str) -> None:
    """TLS 1.0 and 1.1 are history (RFC 8996), also where the peer knows nothing better."""
    with (
        echo_server(clinic, version, "-cipher", "ALL:@SECLEVEL=0") as port,
        pytest.raises(PeerUnreachable, match="no TLS version that we may use"),
    ):
        echo(known(clinic, port))


def test_weak_suites_are_not_taken(clinic: Clinic) -> None:
    """Without forward secrecy, or without authenticated encryption, there is no connection."""
    with (
        echo_server(clinic, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256") as port,
        pytest.raises(PeerUnreachable),
    ):
        echo(known(clinic, port))


def test_a_peer_that_is_silent_in_the_handshake_is_given_up(clinic: Clinic) -> None:
    """The connect deadline covers TCP and TLS together."""
    short = Limits(connect_s=0.3, linger_s=0.1)
    with socket.create_server((LOOPBACK, 0)) as silent:
        archive = known(clinic, silent.getsockname()[1])
        with pytest.raises(PeerUnreachable, match="did not finish the TLS handshake"):
            Requestor(ae_title="SCU", limits=short).associate(archive, [VERIFICATION])


def test_files_that_cannot_be_used_are_named(clinic: Clinic, tmp_path: Path) -> None:
    """A missing or broken file of ours is not the peer's fault, and the error says so."""
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    archive = known(clinic, 1, tls=replace(clinic.files(clinic.modality), ca=broken))
    with (
        socket.create_server((LOOPBACK, 0)) as silent,
        pytest.raises(PeerUnreachable, match=r"our file .*broken\.pem cannot be used"),
    ):
        echo(replace(archive, port=silent.getsockname()[1]))


def test_requests_from_many_threads_share_the_settings(
    make_archive: Callable[..., StoreScp], clinic: Clinic
) -> None:
    """One requestor, eight threads, one archive: each gets its own association."""
    archive = known(clinic, make_archive(clinic.node).port)
    requestor, statuses = Requestor(ae_title="SCU"), []

    def call() -> None:
        with requestor.associate(archive, [VERIFICATION]) as assoc:
            statuses.append(assoc.c_echo())

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [0] * 8

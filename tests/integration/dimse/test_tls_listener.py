"""Who calls by TLS, and who is not let in (PS3.15 B.12; fault programme, scenario 38).

After each refusal the listener is asked for a C-ECHO on both ports within a second; the log has
said why and what repairs it; and conftest.py sees that no thread and no descriptor is left.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydicom import dcmread
from structlog.testing import capture_logs
from structlog.typing import EventDict

from echonode.dimse.acceptor import ListenerAddress
from echonode.dimse.contexts import VERIFICATION
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.errors import AssociationRejected, PeerUnreachable
from echonode.model.certificate import TLSFiles
from tests.integration.dimse.parts import (
    LOOPBACK,
    STORAGE,
    Node,
    connect,
    part10,
    peer,
    read_all,
    until,
)
from tests.integration.dimse.pki import Clinic, TLSNode
from tests.integration.dimse.raw_request import context, item, request, user_information
from tests.integration.dimse.recording import record_request
from tests.peers.authority import Issued
from tests.peers.dcmtk import DcmtkResult, dcmtk
from tests.peers.fixtures import require_program

pytestmark = pytest.mark.peers

SHORT_LIMITS = Limits(request_s=3.0, linger_s=0.3)
RECOGNISED_AS_NOBODY = (1, 1, 3)


@pytest.fixture
def make(make_node: Callable[..., Node], clinic: Clinic) -> Callable[..., TLSNode]:
    """Start a node with a plain and a TLS listener.

    SCU is bound by its certificate's fingerprint, VIEWER by its name, PLAIN by nothing.
    """

    def start(limits: Limits | None = None, *, require_client_cert: bool = True) -> TLSNode:
        scu = replace(peer(), certificates=(clinic.modality.fingerprint,))
        viewer = replace(peer("viewer", ae_title="VIEWER"), certificates=("viewer",))
        plain = peer("plain", ae_title="PLAIN")
        listener = clinic.listener(require_client_cert=require_client_cert)
        return TLSNode(make_node(limits, scu, viewer, plain, listeners=[listener]), clinic)

    return start


@pytest.fixture
def tls_node(make: Callable[..., TLSNode]) -> TLSNode:
    return make(SHORT_LIMITS)


@pytest.fixture
def events() -> Iterator[list[EventDict]]:
    with capture_logs() as captured:
        yield captured


def refusals(events: list[EventDict]) -> list[EventDict]:
    return [e for e in events if e["event"] in ("tls_failed", "association_rejected")]


def refusal(events: list[EventDict]) -> EventDict:
    """The one refusal that the log tells of, once it does."""
    assert until(lambda: bool(refusals(events))), events
    (found,) = refusals(events)
    assert found["address"] == LOOPBACK
    assert found["remedy"]
    assert found["count"] == 1
    return found


def dcmtk_echo(node: TLSNode, issued: Issued, *more: str, calling: str = "SCU") -> DcmtkResult:
    """DCMTK's echoscu by TLS."""
    require_program("echoscu")
    ca = node.clinic.authority.certificate
    own = ("+tls", issued.key, issued.cert, "+cf", ca)
    names = ("-aet", calling, "-aec", "ECHONODE")
    return dcmtk("echoscu", *names, *own, *more, LOOPBACK, node.tls_port, timeout_s=20)


# --- who is let in ---


@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
def test_dcmtk_is_served_in_each_of_its_profiles(tls_node: TLSNode, profile: str) -> None:
    """Non-downgrading, plain and extended BCP 195: DCMTK finds a suite in common with us."""
    result = dcmtk_echo(tls_node, tls_node.clinic.modality, profile)
    assert result.ok, result.output


def test_dcmtk_stores_by_tls(tls_node: TLSNode, shared_data: Path) -> None:
    """A real ultrasound file arrives encrypted, and whole."""
    path = shared_data / "us" / "esaote_6100_ybr422_raw.dcm"
    clinic = tls_node.clinic
    own = ("+tls", clinic.modality.key, clinic.modality.cert, "+cf", clinic.authority.certificate)
    where = ("-aet", "SCU", "-aec", "ECHONODE", LOOPBACK, tls_node.tls_port)
    result = dcmtk("storescu", "-R", "-xe", *own, *where, path)
    assert result.ok, result.output
    assert dcmread(path).PixelData in tls_node.node.archive.data()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_carry_a_store_whole(
    tls_node: TLSNode, tmp_path: Path, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS 1.2 and 1.3: 20 MB arrive bit for bit, and the association ends in order."""
    monkeypatch.setattr("echonode.dimse.requestor.client_context", limited_to(version))
    data = os.urandom(20_000_000)
    known = tls_node.as_peer(tls_node.clinic.modality)
    with Requestor(ae_title="SCU").associate(known, [STORAGE]) as assoc:
        secured = assoc._assoc.connection._descriptor_owner
        assert isinstance(secured, ssl.SSLSocket)
        assert secured.version() == version.name.replace("_", ".")
        assert assoc.c_store(part10(tmp_path / "file", data)).status == 0
    assert tls_node.node.archive.data() == data


def limited_to(version: ssl.TLSVersion) -> Callable[..., ssl.SSLContext]:
    """client_context, for this version alone."""
    from echonode.dimse.upper_layer.tls_context import client_context

    def make(files: TLSFiles, *, check_name: bool) -> ssl.SSLContext:
        context = client_context(files, check_name=check_name)
        context.minimum_version = context.maximum_version = version
        return context

    return make


def test_many_threads_share_one_association(tls_node: TLSNode, tmp_path: Path) -> None:
    """Echoes of four threads between stores of a fifth: nothing is mixed up on the wire."""
    known = tls_node.as_peer(tls_node.clinic.modality)
    statuses: list[int] = []
    with Requestor(ae_title="SCU").associate(known, [STORAGE, VERIFICATION]) as assoc:
        threads = [
            threading.Thread(target=lambda: statuses.extend(assoc.c_echo() for _ in range(25)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        file = part10(tmp_path / "file", os.urandom(1_000_000))
        stored = [assoc.c_store(file).status for _ in range(10)]
        for thread in threads:
            thread.join(20)
    assert (statuses, stored) == ([0] * 100, [0] * 10)


def test_a_caller_without_certificate_is_let_in_where_none_is_required(
    make: Callable[..., TLSNode],
) -> None:
    """`require_client_cert: false` serves who shows none, but not as a peer that has one."""
    node = make(SHORT_LIMITS, require_client_cert=False)
    assert node.echo(None, calling="PLAIN") == 0
    assert node.echo(node.clinic.modality) == 0
    with pytest.raises(AssociationRejected):
        node.echo(None, calling="SCU")


def test_a_renewed_certificate_is_used_from_the_next_connection_on(
    make_node: Callable[..., Node], clinic: Clinic, tmp_path: Path, events: list[EventDict]
) -> None:
    """Files are replaced under the running node; ones that cannot be used change nothing."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def install(issued: Issued) -> None:
        shutil.copy(issued.cert, cert)
        shutil.copy(issued.key, key)

    install(clinic.wrong_name)
    files = TLSFiles(ca=clinic.authority.certificate, cert=cert, key=key)
    listener = ListenerAddress(host=LOOPBACK, port=0, tls=files)
    node = TLSNode(make_node(None, listeners=[listener]), clinic)
    with pytest.raises(PeerUnreachable, match="not for the name"):
        node.echo(clinic.modality)
    install(clinic.node)
    assert node.echo(clinic.modality) == 0
    cert.write_text("half of it")
    assert node.echo(clinic.modality) == 0
    assert any(event["event"] == "tls_files_unusable" for event in events)


# --- who is not ---

BY_CERTIFICATE = [
    ("untrusted", "not from an authority that we trust"),
    ("expired", "has expired"),
    ("future", "not valid yet"),
    ("revoked", "revoked"),
    ("only_called", "not made for this use"),
]


@pytest.mark.parametrize(("which", "words"), BY_CERTIFICATE)
def test_a_certificate_that_does_not_count_is_refused(
    tls_node: TLSNode, events: list[EventDict], which: str, words: str
) -> None:
    """Untrusted, expired, not yet valid, revoked, or not made for who calls."""
    assert not dcmtk_echo(tls_node, getattr(tls_node.clinic, which)).ok
    found = refusal(events)
    assert found["event"] == "tls_failed"
    assert words in found["reason"]
    assert tls_node.is_alive()


def test_our_own_requestor_says_that_it_was_refused(tls_node: TLSNode) -> None:
    """In TLS 1.3 the refusal comes after the handshake: it is PeerUnreachable all the same."""
    with pytest.raises(PeerUnreachable, match="our certificate has expired"):
        tls_node.echo(tls_node.clinic.expired)
    with pytest.raises(PeerUnreachable, match="asks for a certificate and we have none"):
        tls_node.echo(None)
    with pytest.raises(PeerUnreachable, match="does not accept our certificate"):
        tls_node.echo(tls_node.clinic.untrusted)


def test_no_certificate_is_refused(tls_node: TLSNode, events: list[EventDict]) -> None:
    """With `require_client_cert` no caller is let in without."""
    with pytest.raises(PeerUnreachable):
        tls_node.echo(None)
    assert "showed no certificate" in refusal(events)["reason"]
    assert tls_node.is_alive()


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_an_old_tls_version_is_refused(
    tls_node: TLSNode, events: list[EventDict], version: str
) -> None:
    """TLS 1.0 and 1.1 are history (RFC 8996)."""
    openssl = require_program("openssl")
    where = ("-connect", f"{LOOPBACK}:{tls_node.tls_port}", "-cipher", "ALL:@SECLEVEL=0")
    done = subprocess.run(
        [openssl, "s_client", version, *where], stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode != 0
    assert "no TLS version that we may use" in refusal(events)["reason"]
    assert tls_node.is_alive()


def test_a_plain_call_on_the_tls_port_is_rejected_in_its_own_language(
    tls_node: TLSNode, events: list[EventDict]
) -> None:
    """It gets an A-ASSOCIATE-RJ, so that its operator reads more than "connection reset"."""
    plain = replace(tls_node.node.as_peer, port=tls_node.tls_port)
    with pytest.raises(AssociationRejected) as caught:
        Requestor(ae_title="PLAIN").associate(plain, [VERIFICATION])
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 1)
    assert "in clear" in refusal(events)["reason"]
    assert tls_node.is_alive()


def test_a_tls_call_on_the_plain_port_is_refused(
    tls_node: TLSNode, events: list[EventDict]
) -> None:
    """Both sides say so: our log, and our requestor when it is the one that calls."""
    with pytest.raises(PeerUnreachable, match="does not speak TLS on this port"):
        tls_node.echo(tls_node.clinic.modality, port=tls_node.plain_port)
    found = refusal(events)
    assert found["event"] == "tls_failed"
    assert "this port does not" in found["reason"]
    assert tls_node.is_alive()


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_a_handshake_that_stalls_is_given_up(
    tls_node: TLSNode, events: list[EventDict], said: bytes
) -> None:
    """Silence, or half a ClientHello: cut off by the deadline; no other caller waits."""
    with connect(tls_node.tls_port) as raw:
        raw.sendall(said)
        assert tls_node.is_alive()  # meanwhile
        began = time.monotonic()
        read_all(raw)
        assert time.monotonic() - began < 8.0
    assert "did not finish the TLS handshake" in refusal(events)["reason"]
    assert tls_node.is_alive()


def test_a_handshake_by_the_byte_is_given_up(tls_node: TLSNode, events: list[EventDict]) -> None:
    """One byte now and then does not prolong the deadline."""
    with connect(tls_node.tls_port) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00")
        began, ended = time.monotonic(), threading.Event()

        def drip() -> None:
            while not ended.wait(0.05):
                try:
                    raw.sendall(b"\x01")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        read_all(raw)
        ended.set()
        dripping.join()
    assert time.monotonic() - began < 8.0
    assert "did not finish" in refusal(events)["reason"]
    assert tls_node.is_alive()


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64, b"\x16\x03\x03\xff\xff" + b"\xff" * 600]
)
def test_what_is_neither_is_refused(
    tls_node: TLSNode, events: list[EventDict], said: bytes
) -> None:
    """A browser, a scanner, noise: the log names it, and the listener lives."""
    with connect(tls_node.tls_port) as raw:
        raw.sendall(said)
        read_all(raw)
    assert refusal(events)["event"] == "tls_failed"
    assert tls_node.is_alive()


def test_a_port_scan_leaves_no_trace(tls_node: TLSNode, events: list[EventDict]) -> None:
    """Who connects and leaves without a word is no news: health checks do it every few seconds."""
    for _ in range(20):
        connect(tls_node.tls_port).close()
    assert tls_node.is_alive()
    assert refusals(events) == []


# --- whose certificate it is ---


def test_the_certificate_of_one_peer_does_not_speak_for_another(
    tls_node: TLSNode, events: list[EventDict]
) -> None:
    """SCU's certificate used as VIEWER: not recognised, and the log says why."""
    result = dcmtk_echo(tls_node, tls_node.clinic.modality, calling="VIEWER")
    assert "Calling AE Title Not Recognized" in result.output
    found = refusal(events)
    assert (found["result"], found["source"], found["diagnostic"]) == RECOGNISED_AS_NOBODY
    assert found["ae_title"] == "VIEWER"
    assert "not its peer's" in found["reason"]
    assert tls_node.is_alive()


def test_a_certificate_that_names_a_peer_speaks_for_that_peer_only(
    tls_node: TLSNode, events: list[EventDict]
) -> None:
    """Nothing is bound to PLAIN, but VIEWER's certificate is known to be VIEWER's."""
    assert tls_node.echo(tls_node.clinic.viewer, calling="VIEWER") == 0
    with pytest.raises(AssociationRejected):
        tls_node.echo(tls_node.clinic.viewer, calling="PLAIN")
    assert "of another peer" in refusal(events)["reason"]
    assert tls_node.echo(tls_node.clinic.anybody, calling="PLAIN") == 0


def test_a_peer_with_a_certificate_is_not_served_in_clear(
    tls_node: TLSNode, events: list[EventDict]
) -> None:
    """On the plain port its AE title would be a name that any caller can use."""
    with pytest.raises(AssociationRejected) as caught:
        Requestor(ae_title="SCU").associate(tls_node.node.as_peer, [VERIFICATION])
    assert caught.value.reason == 3
    assert "showed no certificate" in refusal(events)["reason"]


def test_a_peer_is_served_at_its_addresses_only(
    make_node: Callable[..., Node], events: list[EventDict]
) -> None:
    """`addresses` of another network: not recognised; its own network: served."""
    here = replace(peer(), addresses=(ip_network("10.9.0.0/16"), ip_network("127.0.0.0/8")))
    away = replace(peer("away", ae_title="AWAY"), addresses=(ip_network("10.9.0.0/16"),))
    node = make_node(None, here, away)
    with Requestor(ae_title="SCU").associate(node.as_peer, [VERIFICATION]) as assoc:
        assert assoc.c_echo() == 0
    with pytest.raises(AssociationRejected) as caught:
        Requestor(ae_title="AWAY").associate(node.as_peer, [VERIFICATION])
    assert caught.value.reason == 3
    assert "address" in refusal(events)["reason"]


def test_refusals_are_told_once_in_a_while(tls_node: TLSNode, events: list[EventDict]) -> None:
    """Twenty failed handshakes of one caller are one line in the log."""
    for _ in range(20):
        with connect(tls_node.tls_port) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
            read_all(raw)
    assert tls_node.is_alive()
    assert len(refusals(events)) == 1


# --- the associations behind it ---


def test_a_peer_that_breaks_off_half_way_leaves_nothing(tls_node: TLSNode, clinic: Clinic) -> None:
    """Cut in the middle of a store under TLS: the file is discarded, nothing was stored."""
    context = ssl.create_default_context(cafile=str(clinic.authority.certificate))
    context.load_cert_chain(clinic.modality.cert, clinic.modality.key)
    raw = context.wrap_socket(connect(tls_node.tls_port), server_hostname="localhost")
    raw.sendall(record_request([STORAGE, VERIFICATION]))
    assert raw.recv(1) == b"\x02"
    raw.sendall(b"\x04\x00\x00\x00\x10\x00" + b"\x00" * 100)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    raw.close()
    assert until(lambda: tls_node.node.acceptor.active_associations == 0)
    assert tls_node.node.archive.stored == []
    assert tls_node.is_alive()


def test_forty_silent_callers_do_not_hold_up_the_forty_first(tls_node: TLSNode) -> None:
    """Handshakes wait on threads of their own, never in the accept loop."""
    silent = [connect(tls_node.tls_port) for _ in range(40)]
    assert tls_node.is_alive()
    for raw in silent:
        raw.close()


def said_by_tls(node: TLSNode, data: bytes) -> bytes:
    """The answer to a request of the modality, over TLS."""
    ours = node.clinic.modality
    client = ssl.create_default_context(cafile=node.clinic.authority.certificate)
    client.load_cert_chain(ours.cert, ours.key)
    with (
        connect(node.tls_port) as plain,
        client.wrap_socket(plain, server_hostname="localhost") as raw,
    ):
        raw.sendall(data)
        return raw.recv(65_536)


def test_a_request_is_read_as_on_the_plain_port(tls_node: TLSNode, events: list[EventDict]) -> None:
    """Unknown items are ignored, and what breaks the standard is aborted and told."""
    more = user_information(item(0x5F, b"hello"))
    assert said_by_tls(tls_node, request(context(1), more))[0] == 0x02
    assert said_by_tls(tls_node, request(context(2), more))[0] == 0x07
    assert "context ID 2 is even" in refusal(events)["reason"]


def test_silence_by_tls_uses_up_no_more_connections(make: Callable[..., TLSNode]) -> None:
    """At the limit the oldest silent one goes, on whichever port it is; a caller is served."""
    node = make(Limits(connections=10))
    silent = [connect(node.tls_port) for _ in range(30)]
    assert dcmtk_echo(node, node.clinic.modality).ok
    assert len(node.node.acceptor._connections) <= 10
    for raw in silent:
        raw.close()

"""What a destination's DICOMweb server may answer, and what becomes of the instance."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from echonode.delivery.stow.connection import HttpConnection
from echonode.dimse.upper_layer.tls_context import client_context
from echonode.errors import AssociationLost
from echonode.model.certificate import TLSFiles
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy, Peer, WebAccess
from tests.integration.delivery.delivery_fixture import DeliveryFixture
from tests.integration.delivery.pictures import STILL, picture
from tests.peers.authority import Authority
from tests.peers.dicomweb_server import (
    Scripted,
    ScriptedDicomweb,
    Seen,
    entry,
    failed,
    found,
    stored,
)
from tests.support.sent_files import sent_file
from tests.support.waiting import wait_until

pytestmark = pytest.mark.peers


def peer_of(server: ScriptedDicomweb, **access: Path) -> Peer:
    return Peer(
        name="cloud",
        ae_title="cloud",
        host="localhost",
        port=server.port,
        may=frozenset(),
        web=WebAccess(is_encrypted=False, path="/v1/dicomWeb", **access),  # type: ignore[arg-type]  # by name
    )


def deliver(delivery: DeliveryFixture, peer: Peer) -> None:
    delivery.deliver_to_peer(peer, commitment=CommitmentPolicy.VERIFY)


def put(delivery: DeliveryFixture, folder: Path, count: int = 1) -> list[str]:
    """Instances that wait for the destination, the first one first."""
    uids: list[str] = []
    for _ in range(count):
        uids += delivery.put([picture(STILL, folder)], ["cloud"])
    return uids


def wait_for(delivery: DeliveryFixture, uid: str, state: DeliveryState) -> None:
    wait_until(
        lambda: delivery.job(uid, "cloud").state is state,
        what=lambda: f"{state}; it is {delivery.job(uid, 'cloud')}",
    )


def uid_in(request: Seen, uids: list[str]) -> str:
    """The one of these that the request is about."""
    asked = request.query.get("SOPInstanceUID", [""])[0]
    (uid,) = [uid for uid in uids if uid == asked or uid.encode() in request.body]
    return uid


def test_one_instance_in_a_request_with_the_token_and_the_next_on_the_same_connection(
    delivery: DeliveryFixture, tmp_path: Path
) -> None:
    """multipart/related, as the standard has it; the token is in no log and no record."""
    uids = put(delivery, tmp_path, 2)

    def answer(request: Seen) -> Scripted:
        uid = uid_in(request, uids)
        if request.method == "POST":
            return Scripted(status=200, body=stored(entry(uid)))
        return Scripted(status=200, body=found(uid))

    token = tmp_path / "token"
    token.write_text("s3cret.token\n")
    with ScriptedDicomweb(answer) as server:
        deliver(delivery, peer_of(server, token_file=token))
        for uid in uids:
            wait_for(delivery, uid, DeliveryState.VERIFIED)
        posts = [each for each in server.seen if each.method == "POST"]
    assert {each.path for each in posts} == {"/v1/dicomWeb/studies"}
    assert {each.headers["Authorization"] for each in server.seen} == {"Bearer s3cret.token"}
    for each, uid in zip(
        sorted(posts, key=lambda p: uid_in(p, uids) != uids[0]), uids, strict=True
    ):
        assert each.headers["Content-Type"].startswith(
            'multipart/related; type="application/dicom"; boundary='
        )
        instance = delivery.store.index.instance(uid)
        assert instance is not None
        assert sent_file(instance) in each.body


def test_an_instance_that_a_mixed_409_names_is_held_and_the_next_one_goes_on(
    delivery: DeliveryFixture, tmp_path: Path
) -> None:
    """Its Failure Reason means what it means in an answer to C-STORE."""
    bad, good = uids = put(delivery, tmp_path, 2)

    def answer(request: Seen) -> Scripted:
        uid = uid_in(request, uids)
        if request.method == "GET":
            return Scripted(status=200, body=found(uid))
        if uid == bad:
            mixed = {**failed(entry(bad, failure=0xA900)), **stored(entry("1.2.3"))}
            return Scripted(status=409, body=mixed)
        return Scripted(status=200, body=stored(entry(uid)))

    with ScriptedDicomweb(answer) as server:
        deliver(delivery, peer_of(server))
        wait_for(delivery, good, DeliveryState.VERIFIED)
        wait_for(delivery, bad, DeliveryState.HELD)
    assert delivery.job(bad, "cloud").last_status == 0xA900


def test_a_202_with_a_warning_is_stored_with_a_remark(
    delivery: DeliveryFixture, tmp_path: Path
) -> None:
    """B006: the archive left attributes out."""
    (uid,) = put(delivery, tmp_path)

    def answer(request: Seen) -> Scripted:
        if request.method == "POST":
            return Scripted(status=202, body=stored(entry(uid, warning=0xB006)))
        return Scripted(status=200, body=found(uid))

    with ScriptedDicomweb(answer) as server:
        deliver(delivery, peer_of(server))
        wait_for(delivery, uid, DeliveryState.VERIFIED)
    assert delivery.job(uid, "cloud").last_status == 0xB006


def test_a_429_pauses_the_destination_for_as_long_as_it_asks(
    delivery: DeliveryFixture, tmp_path: Path
) -> None:
    """No attempt counts against the instance."""
    (uid,) = put(delivery, tmp_path)
    busy = Scripted(status=429, headers={"Retry-After": "600"})
    with ScriptedDicomweb(lambda request: busy) as server:
        deliver(delivery, peer_of(server))
        worker = delivery.workers["cloud"]
        wait_until(lambda: worker.status.paused_s > 0, "a pause")
        assert 550 < worker.status.paused_s <= 660
        job = delivery.job(uid, "cloud")
        assert (job.state, job.last_error[:8]) == (DeliveryState.QUEUED, "HTTP 429")


def test_an_instance_that_is_too_large_is_held(delivery: DeliveryFixture, tmp_path: Path) -> None:
    """413: no repetition helps before the administrator raises the limit."""
    (uid,) = put(delivery, tmp_path)
    with ScriptedDicomweb(lambda request: Scripted(status=413)) as server:
        deliver(delivery, peer_of(server))
        wait_for(delivery, uid, DeliveryState.HELD)
    assert delivery.job(uid, "cloud").last_error.startswith("HTTP 413: ")


def test_where_there_is_no_qido_the_metadata_is_the_proof(
    delivery: DeliveryFixture, tmp_path: Path
) -> None:
    """An archive need not have both."""
    (uid,) = put(delivery, tmp_path)

    def answer(request: Seen) -> Scripted:
        if request.method == "POST":
            return Scripted(status=200)
        if request.path.endswith(f"/instances/{uid}/metadata"):
            return Scripted(status=200, body=found(uid))
        return Scripted(status=501)

    with ScriptedDicomweb(answer) as server:
        deliver(delivery, peer_of(server))
        wait_for(delivery, uid, DeliveryState.VERIFIED)


def test_a_server_that_refuses_our_certificate_is_quoted_with_the_remedy(tmp_path: Path) -> None:
    """In TLS 1.3 it says so after the handshake (RFC 8446 4.4.2.4), with the first request."""
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    server, stranger = ours.issue("server"), other.issue("client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(server.cert, server.key)
    context.load_verify_locations(ours.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    asked = threading.Event()

    def refuse() -> None:
        with (
            listener.accept()[0] as taken,
            context.wrap_socket(taken, server_side=True, do_handshake_on_connect=False) as tls,
        ):
            with contextlib.suppress(ssl.SSLError):
                tls.do_handshake()
            asked.wait(30)

    files = TLSFiles(ca=ours.certificate, cert=stranger.cert, key=stranger.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        try:
            connection = HttpConnection(
                "localhost",
                listener.getsockname()[1],
                tls=client_context(files, check_name=True),
                answer_s=20.0,
            )
            with pytest.raises(AssociationLost, match=r"it does not accept our certificate\. Have"):
                connection.request("GET", "/", {})
            assert not connection.is_open
        finally:
            asked.set()
            thread.join()

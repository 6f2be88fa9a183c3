"""A destination may be a DICOMweb server: what is captured is stored there and found again.

Against Orthanc with its DICOMweb plug-in, as Debian has both, and HAProxy in front of it for TLS.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pydicom import dcmread

from echonode.delivery.delivery_status import Contact
from echonode.delivery.operator_actions import act
from echonode.model.certificate import TLSFiles
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy, Peer, WebAccess
from tests.integration.delivery.delivery_fixture import DeliveryFixture, utc_now
from tests.integration.delivery.pictures import KINDS, STILL, picture
from tests.peers.authority import Authority
from tests.peers.fixtures import require_program
from tests.peers.orthanc import DICOMWEB_PLUGIN, OrthancServer
from tests.peers.tls_front import TlsFront
from tests.support.sent_files import sent_file
from tests.support.waiting import wait_until

pytestmark = pytest.mark.peers

VERIFY = CommitmentPolicy.VERIFY
REFUSED_PATIENT = "REFUSED-HERE"
_FILTER = f"""
function ReceivedInstanceFilter(dicom, origin)
  return dicom.PatientID ~= '{REFUSED_PATIENT}'
end
"""


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    script = tmp_path_factory.mktemp("lua") / "filter.lua"
    script.write_text(_FILTER)
    options = {"LuaScripts": [str(script)]}
    with OrthancServer(plugins=(DICOMWEB_PLUGIN,), options=options) as server:
        yield server


@pytest.fixture(scope="module")
def secured() -> Iterator[OrthancServer]:
    """It asks for a password."""
    options = {"AuthenticationEnabled": True, "RegisteredUsers": {"echonode": "right"}}
    with OrthancServer(plugins=(DICOMWEB_PLUGIN,), options=options) as server:
        yield server


def web_peer(server: OrthancServer, *, password_file: Path | None = None) -> Peer:
    access = WebAccess(
        is_encrypted=False,
        path="/dicom-web",
        user="echonode" if password_file else "",
        password_file=password_file,
    )
    return Peer(
        name="cloud",
        ae_title="cloud",
        host="127.0.0.1",
        port=server.http_port,
        may=frozenset(),
        web=access,
    )


def tls_peer(front: TlsFront, tls: TLSFiles) -> Peer:
    return Peer(
        name="cloud",
        ae_title="cloud",
        host="localhost",
        port=front.port,
        may=frozenset(),
        tls=tls,
        web=WebAccess(is_encrypted=True, path="/dicom-web"),
    )


def of_patient(patient_id: str, folder: Path) -> Path:
    """Another still, of a patient of the test's own."""
    file = picture(STILL, folder)
    dataset = dcmread(file)
    dataset.PatientID = patient_id
    path = folder / f"{patient_id}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def wait_for(delivery: DeliveryFixture, uid: str, state: DeliveryState) -> None:
    wait_until(
        lambda: delivery.job(uid, "cloud").state is state,
        timeout_s=60.0,
        what=lambda: f"{state}; it is {delivery.job(uid, 'cloud')}",
    )


def test_images_are_stored_byte_for_byte_and_found_again(
    delivery: DeliveryFixture, orthanc: OrthancServer, tmp_path: Path
) -> None:
    """Each becomes `verified`: QIDO-RS finds it after STOW-RS has stored it."""
    files = [picture(kind, tmp_path) for kind in KINDS]
    delivery.deliver_to_peer(web_peer(orthanc), commitment=VERIFY)
    uids = delivery.put(files, ["cloud"])
    for uid in uids:
        wait_for(delivery, uid, DeliveryState.VERIFIED)
        (found,) = orthanc.rest.lookup(uid)
        instance = delivery.store.index.instance(uid)
        assert instance is not None
        assert orthanc.rest.file(found) == sent_file(instance)


def test_an_instance_that_the_archive_drops_is_never_verified_and_the_next_one_goes_on(
    delivery: DeliveryFixture, orthanc: OrthancServer, tmp_path: Path
) -> None:
    """Orthanc answers STOW-RS with success for what its filter drops: only QIDO-RS shows it."""
    delivery.deliver_to_peer(web_peer(orthanc), commitment=VERIFY)
    dropped, taken = delivery.put(
        [of_patient(REFUSED_PATIENT, tmp_path), of_patient("TAKEN-HERE", tmp_path)], ["cloud"]
    )
    wait_for(delivery, taken, DeliveryState.VERIFIED)
    assert delivery.job(dropped, "cloud").state is DeliveryState.SENT


def test_a_damaged_instance_is_held_and_the_next_one_goes_on(
    delivery: DeliveryFixture, orthanc: OrthancServer, tmp_path: Path
) -> None:
    """Bytes that are not those that were stored are not sent, as by C-STORE."""
    damaged, whole = delivery.put(
        [of_patient("DAMAGED", tmp_path), of_patient("WHOLE", tmp_path)], ["cloud"]
    )
    instance = delivery.store.index.instance(damaged)
    assert instance is not None
    with instance.path.open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"X")
    delivery.deliver_to_peer(web_peer(orthanc), commitment=VERIFY)
    wait_for(delivery, whole, DeliveryState.VERIFIED)
    wait_for(delivery, damaged, DeliveryState.HELD)
    assert orthanc.rest.lookup(damaged) == []


def test_an_archive_that_was_down_gets_what_waited_once_it_is_up(
    delivery: DeliveryFixture, tmp_path: Path
) -> None:
    """No instance is to blame for an outage, and no person has to act after it."""
    with OrthancServer(plugins=(DICOMWEB_PLUGIN,)) as server:
        server.stop()
        worker = delivery.deliver_to_peer(web_peer(server), commitment=VERIFY)
        (uid,) = delivery.put([picture(STILL, tmp_path)], ["cloud"])
        wait_until(lambda: worker.status.contact is Contact.NOT_REACHED, "not reached")
        assert "no connection" in worker.status.unreachable
        assert delivery.job(uid, "cloud").state is DeliveryState.QUEUED
        server.start()
        worker.call_now()
        wait_for(delivery, uid, DeliveryState.VERIFIED)
        assert worker.status.unreachable == ""


def test_a_password_that_is_refused_pauses_the_destination_until_it_is_right(
    delivery: DeliveryFixture, secured: OrthancServer, tmp_path: Path
) -> None:
    """401 blames no instance: it waits, and goes out with the new password."""
    password = tmp_path / "password"
    password.write_text("wrong\n")
    peer = web_peer(secured, password_file=password)
    worker = delivery.deliver_to_peer(peer, commitment=VERIFY)
    (uid,) = delivery.put([picture(STILL, tmp_path)], ["cloud"])
    wait_until(lambda: delivery.job(uid, "cloud").last_error != "", "an answer")
    job = delivery.job(uid, "cloud")
    assert job.state is DeliveryState.QUEUED
    assert job.last_error.startswith("HTTP 401")
    assert "wrong" not in job.last_error
    assert worker.status.paused_s > 0
    password.write_text("right\n")
    act(delivery.store, "retry", uid, now=utc_now(), call_now=lambda name: worker.call_now())
    wait_for(delivery, uid, DeliveryState.VERIFIED)


def is_said(delivery: DeliveryFixture, uid: str, words: str) -> bool:
    """Of the destination, or of the attempt at the instance."""
    return words in delivery.workers["cloud"].status.unreachable + (
        delivery.job(uid, "cloud").last_error
    )


def test_tls_proves_both_sides_and_nothing_goes_where_one_of_them_is_another(
    delivery: DeliveryFixture, orthanc: OrthancServer, tmp_path: Path
) -> None:
    """The server must be of the configured authority, and asks for our certificate in turn; with
    both right the image is stored byte for byte and found again.
    """
    require_program("haproxy")
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    client, stranger = ours.issue("client"), other.issue("client")
    good = TLSFiles(ca=ours.certificate, cert=client.cert, key=client.key)
    wrong_server = TLSFiles(ca=other.certificate, cert=client.cert, key=client.key)
    wrong_client = TLSFiles(ca=ours.certificate, cert=stranger.cert, key=stranger.key)
    (uid,) = delivery.put([of_patient("BY-TLS", tmp_path)], ["cloud"])
    server = ours.issue("server")
    with TlsFront(orthanc.http_port, server=server, clients=ours.certificate) as front:
        for tls, said in (
            (wrong_server, "not from an authority that we trust"),
            (wrong_client, "no answer, it may have been stored: "),  # or why, where that arrives
        ):
            worker = delivery.deliver_to_peer(tls_peer(front, tls), commitment=VERIFY)
            wait_until(partial(is_said, delivery, uid, said), "a refusal")
            delivery.workers.pop("cloud")
            worker.stop(5.0)
            assert delivery.job(uid, "cloud").state is DeliveryState.QUEUED
            assert orthanc.rest.lookup(uid) == []
            act(delivery.store, "retry", uid, now=utc_now(), call_now=lambda name: None)
        delivery.deliver_to_peer(tls_peer(front, good), commitment=VERIFY)
        wait_for(delivery, uid, DeliveryState.VERIFIED)
    instance = delivery.store.index.instance(uid)
    (found,) = orthanc.rest.lookup(uid)
    assert instance is not None
    assert orthanc.rest.file(found) == sent_file(instance)

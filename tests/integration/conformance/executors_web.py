"""Executes the claims on DICOMweb, ports, TLS and user identity."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import warnings
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from echonode.dicomweb.transfer_syntaxes import FRAME_TYPES, media_type_of_syntax
from echonode.dimse.contexts import STORAGE_SYNTAXES, VERIFICATION_CLASS
from echonode.monitoring.conformance.claim import Claim
from tests.integration.conformance.executors_network import (
    US_IMAGE,
    encoded,
    instance,
    store,
    tls_context,
)
from tests.integration.conformance.executors_workflow import row_of
from tests.integration.conformance.site import Site
from tests.integration.dimse.raw_request import request
from tests.peers.instances import STILL, build_dataset
from tests.support.waiting import wait_until

_WHOLE = "whole"


def _ask(
    site: Site, method: str, path: str, accept: str, body: bytes = b"", kind: str = ""
) -> tuple[int, str]:
    """(status, Content-Type)."""
    connection = http.client.HTTPConnection("127.0.0.1", site.web_port, timeout=30)
    try:
        headers = {"Accept": accept, **({"Content-Type": kind} if kind else {})}
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Content-Type", "")
    finally:
        connection.close()


def _picture(site: Site) -> Dataset:
    """An instance with pixels that can be drawn, and more of them than metadata keeps in line."""
    if _WHOLE not in site.kept:
        dataset = build_dataset(replace(STILL, rows=64, columns=64))
        assert store(site, dataset, ExplicitVRLittleEndian) == 0
        site.kept[_WHOLE] = dataset
    return site.kept[_WHOLE]


def resource(site: Site, claim: Claim) -> None:
    """It is answered with each of its media types."""
    method, path, kinds = claim.values
    if method == "POST":
        _post(site, path, kinds.split(", "))
        return
    for kind in kinds.split(", "):
        is_frame = kind in FRAME_TYPES and path.endswith("/frames/{frames}")
        held = _stored_as(site, kind) if is_frame else _picture(site)
        assert held is not None, f"no syntax has {kind}"
        filled = path.replace("{place:path}", "7FE00010").format(
            study=held.StudyInstanceUID,
            series=held.SeriesInstanceUID,
            instance=held.SOPInstanceUID,
            frames="1",
        )
        accept = kind
        if is_frame or kind in ("application/dicom", "application/octet-stream"):
            accept = f'multipart/related; type="{kind}"'
            accept += "; transfer-syntax=*" if is_frame else ""
        if path.endswith("/wado"):
            filled += (
                f"?requestType=WADO&studyUID={held.StudyInstanceUID}"
                f"&seriesUID={held.SeriesInstanceUID}&objectUID={held.SOPInstanceUID}"
                f"&contentType={kind}"
            )
            accept = kind
        status, came = _ask(site, method, filled, accept)
        assert status == 200, f"{kind}: {status}"
        assert kind in came, f"{kind}: came as {came}"


def _stored_as(site: Site, kind: str) -> Dataset | None:
    """An instance that is stored in a transfer syntax of this media type."""
    for syntax in sorted(STORAGE_SYNTAXES):
        if media_type_of_syntax(syntax) == kind:
            if syntax not in site.kept:
                dataset = instance(US_IMAGE, syntax)
                assert store(site, dataset, syntax, encoded(dataset, syntax)) == 0
                site.kept[syntax] = dataset
            return site.kept[syntax]
    return None


def _post(site: Site, path: str, kinds: list[str]) -> None:
    for kind in kinds:
        dataset = instance(US_IMAGE)
        dataset.ensure_file_meta()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        whole = BytesIO()
        dcmwrite(whole, dataset, enforce_file_format=True)
        body = (
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + whole.getvalue() + b"\r\n--b--\r\n"
        )
        status, came = _ask(
            site, "POST", path.format(study=dataset.StudyInstanceUID), kind, body,
            'multipart/related; type="application/dicom"; boundary=b',
        )  # fmt: skip
        assert (status, came.partition(";")[0]) == (200, kind), f"{status}, {came}"


def user_agent(site: Site, claim: Claim) -> None:
    """The still went to the DICOMweb server and, where it is verified, was found there."""
    wait_until(
        lambda: row_of(site, claim.values[1])["state"] == "verified",
        timeout_s=15,
        every_s=0.1,
        what="the still at the DICOMweb server",
    )


def port(site: Site, claim: Claim) -> None:
    """It is open, and speaks TLS where that is claimed, and only then."""
    _, host, number, encryption = claim.values
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(number)), timeout=10) as raw:
        try:
            with context.wrap_socket(raw):
                speaks_tls = True
        except OSError:
            speaks_tls = False
    assert speaks_tls == (encryption == "TLS")


def listed_resources(site: Site) -> set[str]:
    """The resources that the service itself lists (PS3.18 8.9), with its prefix."""
    connection = http.client.HTTPConnection("127.0.0.1", site.web_port, timeout=30)
    try:
        connection.request("OPTIONS", "/dicom-web", headers={"Accept": "application/json"})
        listed = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return {"/dicom-web" + each["path"] for each in listed["resources"]}


def open_ports(site: Site) -> set[int]:
    """The TCP ports that the node's process listens at, as the kernel says."""
    folder = Path(f"/proc/{site.node.child.popen.pid}")
    inodes = set()
    for link in (folder / "fd").iterdir():
        target = str(link.readlink()) if link.is_symlink() else ""
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in (folder / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def tls(site: Site, claim: Claim) -> None:
    """A handshake with this version, this suite, or without a certificate."""
    subject = claim.subject
    if subject == "client-certificate":
        assert not _echoes(site, tls_context(site, 0, certified=False))
    elif subject.startswith("TLSv"):
        context = tls_context(site, 0)
        if subject == "TLSv1.1":
            context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):  # that 1.1 is old is the point
            version = ssl.TLSVersion[subject.replace(".", "_")]
            context.minimum_version = context.maximum_version = version
        assert _echoes(site, context) == (claim.values[1] == "supported")
    else:
        which = 0 if "ECDSA" in subject else 1
        context = tls_context(site, which)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(subject)
        assert _echoes(site, context, which)


def _echoes(site: Site, context: ssl.SSLContext, which: int = 0) -> bool:
    """Whether an association is accepted over TLS."""
    address = ("127.0.0.1", site.tls_ports[which])
    try:
        with (
            socket.create_connection(address, timeout=30) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as session,
        ):
            session.sendall(request(calling=b"VIEWER".ljust(16)))
            return session.recv(1) == b"\x02"
    except OSError:
        return False


def identity(site: Site, claim: Claim) -> None:
    """Asked to confirm a user, the node accepts the association and confirms nothing."""
    item = UserIdentityNegotiation()
    item.user_identity_type, item.primary_field = 1, b"somebody"
    item.positive_response_requested = True
    with site.association(
        [(VERIFICATION_CLASS, ["1.2.840.10008.1.2"])], ext_neg=[item]
    ) as association:
        assert association.is_established
        assert association.acceptor.user_identity is None

"""Executes the claims on associations, presentation contexts, storage and statuses' transport."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation
from pynetdicom.presentation import build_context, build_role

from echonode.dimse.acceptance import Acceptance
from echonode.dimse.association.association_policy import REJECTIONS
from echonode.dimse.contexts import (
    FIND_CLASSES,
    GET_CLASSES,
    MOVE_CLASSES,
    READABLE_SYNTAXES,
    STORAGE_SYNTAXES,
    VERIFICATION_CLASS,
    WORKLIST_CLASS,
    supported,
)
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.errors import NetworkError
from echonode.model.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from echonode.model.criteria import Root
from echonode.model.identity import Service
from echonode.monitoring.conformance.claim import Claim
from tests.integration.conformance.raw_messages import status_of
from tests.integration.conformance.site import ELSEWHERE, Site, status_titles
from tests.integration.dimse.parts import STORAGE, part10, peer, start_node
from tests.integration.dimse.raw_request import request
from tests.support.waiting import wait_until

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
_NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99",
                     "1.2.840.10008.1.2.2", "1.2.840.10008.1.20"})  # fmt: skip
# A class for each service, and the rights that it needs.
CLASS_OF_SERVICE = {
    Service.ECHO: VERIFICATION_CLASS,
    Service.STORE: US_IMAGE,
    Service.FIND: FIND_CLASSES[Root.STUDY],
    Service.MOVE: MOVE_CLASSES[Root.STUDY],
    Service.GET: GET_CLASSES[Root.STUDY],
    Service.COMMIT: STORAGE_COMMITMENT_PUSH_MODEL,
    Service.WORKLIST: WORKLIST_CLASS,
}


def instance(sop_class_uid: str, syntax: str = ExplicitVRLittleEndian, **values: object) -> Dataset:
    """A small instance of any class; what travels in an encapsulated syntax is any bytes."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class_uid, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientID, dataset.PatientName, dataset.Modality = "CLAIM", "Claim^Test", "US"
    dataset.Rows = dataset.Columns = 2
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 7, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = bytes(4) if syntax in _NATIVE else encapsulate([b"\1\2\3\4"])
    dataset["PixelData"].VR = "OB"
    if syntax not in _NATIVE:
        dataset["PixelData"].is_undefined_length = True
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def encoded(dataset: Dataset, syntax: str) -> bytes:
    """The bytes that are sent in a transfer syntax."""
    uid = UID(syntax)
    data = encode(dataset, uid.is_implicit_VR, uid.is_little_endian, uid.is_deflated)
    assert data is not None
    return data


def store(site: Site, dataset: Dataset, syntax: str, data: bytes | None = None) -> int:
    """The status of a C-STORE of these bytes."""
    contexts = [(dataset.SOPClassUID, [syntax])]
    with site.association(contexts) as association:
        asked = C_STORE()
        asked.MessageID = 1
        asked.AffectedSOPClassUID = dataset.SOPClassUID
        asked.AffectedSOPInstanceUID = dataset.SOPInstanceUID
        asked.Priority = 2
        asked.DataSet = BytesIO(encoded(dataset, syntax) if data is None else data)
        return status_of(association, asked)


def entity(site: Site, claim: Claim) -> None:
    """It answers by its title at each port, and under no other title."""
    contexts = [(VERIFICATION_CLASS, [ImplicitVRLittleEndian])]
    with site.association(contexts, called=claim.values[0]) as association:
        assert association.send_c_echo().Status == 0, "C-ECHO"
    with site.association(contexts, called="ANOTHER") as association:
        assert association.is_rejected, "another title is not rejected"
    for address in claim.values[1].split(", "):
        host, _, port = address.split()[0].partition(":")
        socket.create_connection((host, int(port)), timeout=10).close()


def served_class(site: Site, claim: Claim) -> None:
    """Accepted in each transfer syntax that is named, and not in one of storage alone."""
    uid, named = claim.values[1], claim.values[2].split(", ")
    for syntax in (*READABLE_SYNTAXES, "1.2.840.10008.1.2.1.99"):
        with site.association([(uid, [syntax])]) as association:
            accepted = bool(association.accepted_contexts)
        assert accepted == (UID(syntax).name in named), syntax


def used_class(site: Site, claim: Claim) -> None:
    """The peer was proposed it in each transfer syntax."""
    _, uid, name, syntaxes = claim.values
    title = site.node.peers[name]["ae_title"]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        proposed = [UID(each).name for each in site.counterpart.proposed[title].get(uid, [])]
        if proposed == syntaxes.split(", "):
            return
        time.sleep(0.05)
    raise AssertionError(f"{title} was proposed {proposed}")


def called(site: Site, claim: Claim) -> None:
    """The peer was called for it so, and never otherwise."""
    uid, _, name = claim.subject.partition("/")
    title = site.node.peers[name]["ae_title"]
    wait_until(
        lambda: bool(site.counterpart.connections[title, uid]),
        timeout_s=30,
        what=f"an association with {title}",
    )
    for version, certified in site.counterpart.connections[title, uid]:
        if claim.values[2] == "none":
            assert version == ""
            continue
        words, _, own = claim.values[2].partition("), ")
        assert version.removeprefix("TLSv") in words.removeprefix("TLS (").split(", ")
        assert certified == own.startswith("with ")


def storage_classes(site: Site, claims: Sequence[Claim]) -> dict[str, str]:
    """An instance of each class is stored, each in another syntax; the rule gives it all others."""
    faults: dict[str, str] = {}
    native = sorted(_NATIVE & STORAGE_SYNTAXES - {"1.2.840.10008.1.2.1.99"})
    for start in range(0, len(claims), 128):
        part = claims[start : start + 128]
        contexts = [
            (claim.values[1], [native[number % len(native)]]) for number, claim in enumerate(part)
        ]
        with site.association(contexts) as association:
            if not association.is_established:
                return {claim.id: "no class is accepted" for claim in claims}
            for claim, (uid, [syntax]) in zip(part, contexts, strict=True):
                dataset = instance(uid, syntax)
                dataset.file_meta = _meta(syntax)
                status = association.send_c_store(dataset).get("Status")
                faults[claim.id] = "" if status == 0 else f"stored with status {status}"
    every = sorted(STORAGE_SYNTAXES)
    for claim in claims:
        proposed = [build_context(claim.values[1], [syntax]) for syntax in every]
        [granted] = supported(proposed, frozenset({Service.STORE}))
        if sorted(granted.transfer_syntax) != every:
            faults[claim.id] = "not in every storage syntax"
    return faults


def _meta(syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    return meta


def storage_syntax(site: Site, claim: Claim) -> None:
    """Stored, and the same bytes come back by C-GET."""
    syntax = claim.values[1]
    dataset = instance(US_IMAGE, syntax)
    data = encoded(dataset, syntax)
    assert store(site, dataset, syntax, data) == 0
    site.kept[syntax] = dataset
    assert fetched(site, dataset, syntax) == [data]


def fetched(site: Site, dataset: Dataset, syntax: str) -> list[bytes]:
    """What C-GET gives of an instance's study, in one transfer syntax."""
    came: list[bytes] = []

    def take(event: Any) -> int:
        came.append(event.request.DataSet.getvalue())
        return 0

    model = GET_CLASSES[Root.STUDY]
    with site.association(
        [(model, [ImplicitVRLittleEndian]), (dataset.SOPClassUID, [syntax])],
        ext_neg=[build_role(dataset.SOPClassUID, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, take)],
    ) as association:
        wanted = Dataset()
        wanted.QueryRetrieveLevel, wanted.StudyInstanceUID = "STUDY", dataset.StudyInstanceUID
        for status, _ in association.send_c_get(wanted, model):
            assert status.Status in (0xFF00, 0x0000), hex(status.Status)
    return came


def not_served(site: Site, claim: Claim) -> None:
    """Rejected: abstract syntax not supported."""
    with site.association([(claim.values[1], [ImplicitVRLittleEndian])]) as association:
        assert [context.result for context in association.rejected_contexts] in ([3], [])
        assert not association.accepted_contexts


def parameter(site: Site, claim: Claim) -> None:
    """As the answer to an association request says, or as many associations as fit."""
    subject, value = claim.subject, claim.values[1]
    if subject.startswith("associations"):
        wait_until(
            lambda: _associations_that_fit(site, whole=subject == "associations") == int(value),
            timeout_s=30,  # an archive's report may hold one of them just now
            what=f"{value} associations fit, and no more",
        )
        return
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
    contexts = [(VERIFICATION_CLASS, [ImplicitVRLittleEndian])]
    with site.association(contexts, ext_neg=[window]) as association:
        answered: Any = association.acceptor
        found = {
            "application-context": answered.primitive.application_context_name,
            "implementation-class": answered.implementation_class_uid,
            "implementation-version": answered.implementation_version_name,
            "maximum-length": answered.maximum_length,
            "asynchronous": answered.asynchronous_operations[0],
        }
    assert str(found[subject]) == value


def _associations_that_fit(site: Site, *, whole: bool) -> int:
    """How many are accepted: of one peer, or of all peers."""
    titles = status_titles() if whole else ["VIEWER"]
    each = Limits().associations_per_peer if whole else 10 * Limits().associations_per_peer
    accepted = 0
    with ExitStack() as opened:
        for title in titles:
            for _ in range(each):
                raw = opened.enter_context(socket.create_connection(("127.0.0.1", site.node.port)))
                raw.settimeout(30)
                raw.sendall(request(calling=title.encode().ljust(16)))
                if raw.recv(1) != b"\x02":
                    return accepted
                accepted += 1
    return accepted


def timer(site: Site, claim: Claim) -> None:
    """A tenth of a second in its place ends the same thing; and the node has the value named."""
    name = claim.subject
    assert getattr(Limits(), name) == float(claim.values[1])
    short: dict[str, Any] = {name: 0.2}
    limits = replace(Limits(), **short)
    if name in ("acse_s", "dimse_s"):
        _ends_a_wait(limits, answers_association=name == "dimse_s")
        return
    node = start_node(limits)
    try:
        with socket.create_connection(("127.0.0.1", node.port)) as raw:
            raw.settimeout(10)
            if name != "request_s":
                raw.sendall(request())
                assert raw.recv(4096)[:1] == b"\x02"
            if name == "pdu_s":
                raw.sendall(b"\x04\x00\x00")  # a P-DATA-TF that does not go on
            while raw.recv(4096):
                pass
    except ConnectionResetError:
        pass
    finally:
        node.acceptor.stop(5.0)


def _slow(_: object) -> int:
    time.sleep(2)
    return 0


def _ends_a_wait(limits: Limits, *, answers_association: bool) -> None:
    """Our own request to one that does not answer ends with an error."""
    if answers_association:
        node = start_node()
        node.archive.store = _slow  # type: ignore[method-assign,assignment]  # a function
    with ExitStack() as closed:
        silent = closed.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = silent.getsockname()[1]
        began = time.monotonic()
        if answers_association:
            closed.callback(node.acceptor.stop, 5.0)
            port = node.port
        try:
            target = peer("it", ae_title="ECHONODE", port=port)
            with (
                TemporaryDirectory() as folder,
                Requestor(ae_title="SCU", limits=limits).associate(target, [STORAGE]) as made,
            ):
                made.c_store(part10(Path(folder) / "x", b"\0" * 8))
        except NetworkError:
            assert time.monotonic() - began < 10
        else:
            raise AssertionError("it was waited for without end")


def rejection(site: Site, claim: Claim) -> None:
    """Provoked, and the three numbers of the answer are those that are claimed."""
    expected = tuple(int(number) for number in claim.values[1:])
    answer = _PROVOKED[claim.subject](site)
    assert answer[:1] == b"\x03", f"not rejected: {answer[:10]!r}"
    assert tuple(answer[7:10]) == expected
    assert claim.values[0] == REJECTIONS[claim.subject].meaning


def _called(site: Site, data: bytes, *, source: str = "127.0.0.1", port: int = 0) -> bytes:
    with socket.create_connection(
        ("127.0.0.1", port or site.node.port), source_address=(source, 0)
    ) as raw:
        raw.settimeout(30)
        raw.sendall(data)
        return raw.recv(4096)


def _called_by_tls(site: Site, title: str, *, certified: bool = True) -> bytes:
    context = tls_context(site, 0, certified=certified)
    with (
        socket.create_connection(("127.0.0.1", site.tls_ports[0]), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as session,
    ):
        session.sendall(request(calling=title.encode().ljust(16)))
        return session.recv(4096)


def tls_context(site: Site, which: int, *, certified: bool = True) -> ssl.SSLContext:
    """Of a caller with a certificate of no peer in particular. which: 0 EC, 1 RSA."""
    made = site.certificates
    authority = (made.elliptic, made.rsa)[which]
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if certified:
        own = (made.anybody, made.anybody_rsa)[which]
        context.load_cert_chain(own.cert, own.key)
    return context


def _too_many(site: Site) -> bytes:
    with ExitStack() as opened:
        for _ in range(Limits().associations_per_peer + 1):
            raw = opened.enter_context(socket.create_connection(("127.0.0.1", site.node.port)))
            raw.settimeout(30)
            raw.sendall(request(calling=b"FINDS".ljust(16)))
            answer = raw.recv(4096)
        return answer


def _too_often(site: Site) -> bytes:
    """From an address of no peer, until it is not asked for its name any more."""
    wanted = REJECTIONS["too-often"]
    for _ in range(200):
        answer = _called(site, request(calling=b"NOBODY".ljust(16)), source="127.0.0.3")
        if tuple(answer[7:10]) == (wanted.result, wanted.source, wanted.reason):
            return answer
    return answer


def _congested(site: Site) -> bytes:
    """No descriptor is free: provoked in a listener of this process."""
    node = start_node()
    try:
        with (
            patch.object(Acceptance, "_opens_wake_up", return_value=False),
            socket.create_connection(("127.0.0.1", node.port)) as raw,
        ):
            raw.settimeout(30)
            raw.sendall(request())
            return raw.recv(4096)
    finally:
        node.acceptor.stop(5.0)


_PROVOKED: dict[str, Callable[[Site], bytes]] = {
    "unknown-called": lambda site: _called(
        site, request(called=b"ANOTHER".ljust(16), calling=b"VIEWER".ljust(16))
    ),
    "unknown-caller": lambda site: _called(site, request(calling=b"NOBODY".ljust(16))),
    "too-many": _too_many,
    "too-often": _too_often,
    "other-version": lambda site: _called(site, request(calling=b"VIEWER".ljust(16), version=2)),
    "other-context-name": lambda site: _called(
        site, request(calling=b"VIEWER".ljust(16), name=b"1.2.3")
    ),
    "congested": _congested,
    "in-clear": lambda site: _called(
        site, request(calling=b"VIEWER".ljust(16)), port=site.tls_ports[0]
    ),
    "wrong-address": lambda site: _called(site, request(calling=b"ELSEWHERE".ljust(16))),
    "no-certificate": lambda site: _called(site, request(calling=b"BOUND".ljust(16))),
    "wrong-certificate": lambda site: _called_by_tls(site, "BOUND"),
    "certificate-of-another": lambda site: _bound_as_viewer(site),
}


def _bound_as_viewer(site: Site) -> bytes:
    context = tls_context(site, 0, certified=False)
    context.load_cert_chain(site.certificates.bound.cert, site.certificates.bound.key)
    with (
        socket.create_connection(("127.0.0.1", site.tls_ports[0]), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as session,
    ):
        session.sendall(request(calling=b"VIEWER".ljust(16)))
        return session.recv(4096)


def right(site: Site, claim: Claim) -> None:
    """Each service is accepted or rejected as the claim says; a proof that is missing rejects."""
    for title in claim.values[1].split(", "):
        _right(site, title, rights=claim.values[2], proof=claim.values[3])


def _right(site: Site, title: str, *, rights: str, proof: str) -> None:
    """The same under each title of the peer."""
    allowed = set(rights.split(", "))
    contexts = [(uid, [ImplicitVRLittleEndian]) for uid in CLASS_OF_SERVICE.values()]
    if proof == "its certificate":
        assert _called(site, request(calling=title.encode().ljust(16)))[:1] == b"\x03"
        context = tls_context(site, 0, certified=False)
        context.load_cert_chain(site.certificates.bound.cert, site.certificates.bound.key)
        ae = AE(ae_title=title)
        for uid, syntaxes in contexts:
            ae.add_requested_context(uid, syntaxes)
        made = ae.associate("127.0.0.1", site.tls_ports[0], ae_title="ECHONODE",
                            tls_args=(context, "localhost"))  # fmt: skip
        accepted = {str(each.abstract_syntax) for each in made.accepted_contexts}
        made.release()
    else:
        source = ""
        if proof == "its addresses":
            assert _called(site, request(calling=title.encode().ljust(16)))[:1] == b"\x03"
            source = ELSEWHERE
        with site.association(contexts, calling=title, source=source) as association:
            accepted = {str(each.abstract_syntax) for each in association.accepted_contexts}
    expected = {uid for service, uid in CLASS_OF_SERVICE.items() if service.value in allowed}
    if Service.GET.value in allowed:
        expected.add(US_IMAGE)  # for its sub-operations
    assert accepted == expected

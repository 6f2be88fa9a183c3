"""EchoNode as a sender: its own Requestor, the files as its store would name them."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from echonode.dimse.contexts import VERIFICATION, ProposedContext
from echonode.dimse.limits import Limits
from echonode.dimse.requested_association import RequestedAssociation
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Part10File
from echonode.model.certificate import TLSFiles
from echonode.model.identity import Peer
from tests.benchmarks.work import Address, Errand


def send(errand: Errand, address: Address) -> list[int]:
    """C-STORE every file on one association; the statuses."""
    context = ProposedContext(
        abstract_syntax=errand.sop_class_uid, transfer_syntaxes=(errand.transfer_syntax_uid,)
    )
    with _requestor(address).associate(_peer(address), [context]) as association:
        return [
            association.c_store(_file(errand, file, uid)).status
            for file, uid in zip(errand.files, errand.sop_instance_uids, strict=True)
        ]


def echo_median_s(address: Address, count: int) -> float:
    """The median round trip of `count` C-ECHOs on one association, in seconds."""
    with _requestor(address).associate(_peer(address), [VERIFICATION]) as association:
        return statistics.median(_timed_echo(association) for _ in range(count))


def _requestor(address: Address) -> Requestor:
    return Requestor(ae_title=address.calling, limits=Limits())


def _peer(address: Address) -> Peer:
    return Peer(
        name="bench",
        ae_title=address.called,
        host=address.host,
        port=address.port,
        may=frozenset(),
        tls=TLSFiles(**{name: Path(file) for name, file in address.tls.items()})
        if address.tls
        else None,
    )


def _file(errand: Errand, file: str, uid: str) -> Part10File:
    return Part10File(
        path=Path(file),
        sop_class_uid=errand.sop_class_uid,
        sop_instance_uid=uid,
        transfer_syntax_uid=errand.transfer_syntax_uid,
        dataset_offset=errand.dataset_offset,
        size=errand.size,
    )


def _timed_echo(association: RequestedAssociation) -> float:
    started = time.perf_counter()
    status = association.c_echo()
    if status != 0:
        raise ConnectionError(f"C-ECHO answered {status:04X}")
    return time.perf_counter() - started

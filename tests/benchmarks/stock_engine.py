"""Stock pynetdicom as a sender, as its users write it: associate, send_c_store a path, look."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from pynetdicom import AE
from pynetdicom.association import Association

from tests.benchmarks.work import Address, Errand
from tests.peers.stock import stock_send

VERIFICATION = "1.2.840.10008.1.1"


def send(errand: Errand, address: Address) -> list[int]:
    """C-STORE every file on one association; the statuses, -1 where no answer came."""
    statuses = stock_send(
        [Path(file) for file in errand.files],
        host=address.host,
        port=address.port,
        called_ae_title=address.called,
        ae_title=address.calling,
    )
    return [-1 if status is None else status for status in statuses]


def echo_median_s(address: Address, count: int) -> float:
    """The median round trip of `count` C-ECHOs on one association, in seconds."""
    ae = AE(ae_title=address.calling)
    ae.add_requested_context(VERIFICATION)
    assoc = ae.associate(address.host, address.port, ae_title=address.called)
    if not assoc.is_established:
        raise ConnectionError(f"no association with {address.called}")
    median = statistics.median(_timed_echo(assoc) for _ in range(count))
    assoc.release()
    return median


def _timed_echo(assoc: Association) -> float:
    started = time.perf_counter()
    if assoc.send_c_echo().get("Status") != 0:
        raise ConnectionError("C-ECHO was not answered with success")
    return time.perf_counter() - started

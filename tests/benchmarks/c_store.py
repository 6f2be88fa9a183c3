"""C-STORE: instances a second, or megabytes, from one sender or several to one receiver."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.benchmarks.cast import (
    DISKLESS,
    ON_POSTGRES,
    ORTHANC,
    RAW,
    RAW_TO_DISK,
    STOCK,
    STORESCP,
    STORESCU,
    Cast,
)
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Scale, Stage
from tests.benchmarks.receivers import Receiver
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.senders import Sender
from tests.benchmarks.work import Errand
from tests.peers.instances import (
    CINE,
    RGB,
    STILL,
    InstanceKind,
    Instances,
    make_instances,
    renew,
)

INSTANCES_PER_SECOND: Final = "instances/s"
MEGABYTES_PER_SECOND: Final = "MB/s"
WARM_UP_INSTANCES = 3


@dataclass(frozen=True, kw_only=True)
class Match:
    """Who sends to which receiver, on how many associations at once."""

    sender: str
    receiver: str
    associations: int = 1


class Storing:
    """A contender: send every instance under new UIDs and see that all of them arrived."""

    def __init__(
        self,
        *,
        instances: Instances,
        sender: Sender,
        receiver: Receiver,
        associations: int,
        unit: str,
    ) -> None:
        self._instances = instances
        self._sender, self._receiver = sender, receiver
        self._associations, self._unit = associations, unit

    def __call__(self, *, warm_up: bool) -> float:
        errand = Errand.of(renew(self._instances))
        if warm_up:
            errand = errand.first(WARM_UP_INSTANCES * self._associations)
        shares = [errand.part(number, self._associations) for number in range(self._associations)]
        shares = [share for share in shares if share.files]
        self._receiver.discard()
        before = self._receiver.count()
        # What an earlier receiver left to be written back must not be paid for in this round.
        os.sync()
        elapsed = self._sender.send(shares, self._receiver.address)
        self._verify(before, len(errand.files))
        return self._figure(len(errand.files), elapsed)

    def _verify(self, before: int | None, sent: int) -> None:
        after = self._receiver.count()
        if before is not None and after is not None and after - before != sent:
            raise Failed(f"sent {sent}, of which {after - before} arrived")

    def _figure(self, count: int, elapsed: float) -> float:
        if self._unit == MEGABYTES_PER_SECOND:
            return count * self._instances.kind.pixel_bytes / elapsed / 1e6
        return count / elapsed


def _instance_count(scale: Scale, kind: InstanceKind) -> int:
    return {RGB: scale.rgb, CINE: scale.cines}.get(kind, scale.stills)


def _set_up(
    kind: InstanceKind, matches: Mapping[str, Match], unit: str, times: int, stage: Stage
) -> Mapping[str, Callable[[], Contender]]:
    cast = Cast(stage)
    count = times * _instance_count(stage.scale, kind)
    instances = make_instances(stage.folder / "instances", kind, count)

    def contender(match: Match) -> Contender:
        return Storing(
            instances=instances,
            receiver=cast.receiver(match.receiver),
            sender=cast.sender(match.sender, associations=match.associations),
            associations=match.associations,
            unit=unit,
        )

    return {name: partial(contender, match) for name, match in matches.items()}


def storing(
    name: str,
    kind: InstanceKind,
    matches: Mapping[str, Match],
    *,
    unit: str = INSTANCES_PER_SECOND,
    at_least: float | None = None,
    times: int = 1,
) -> Benchmark:
    """A row of the table. times: so many times the instances of its kind that others send."""
    return Benchmark(
        name=name,
        unit=unit,
        better=Better.HIGHER,
        set_up=partial(_set_up, kind, matches, unit, times),
        goal=None if at_least is None else Goal(at_least=at_least),
    )


def _senders_to(receiver: str) -> dict[str, Match]:
    """EchoNode and the others as senders to one receiver."""
    names = (ECHONODE, STORESCU, STOCK)
    return {name: Match(sender=name, receiver=receiver) for name in names}


def _receivers_of(sender: str, *receivers: str, associations: int = 1) -> dict[str, Match]:
    """One sender, or several alike, to each receiver in turn."""
    return {
        name: Match(sender=sender, receiver=name, associations=associations) for name in receivers
    }


def _on_postgres(associations: int) -> Benchmark:
    """EchoNode with its index on PostgreSQL, against itself with SQLite: the price of two nodes."""
    matches = {
        ECHONODE: Match(sender=RAW, receiver=ON_POSTGRES, associations=associations),
        "EchoNode on SQLite": Match(sender=RAW, receiver=ECHONODE, associations=associations),
    }
    senders = "sender raw socket" if associations == 1 else f"{associations} raw sockets"
    name = f"durable receive of stills on PostgreSQL, {senders}"
    return storing(name, STILL, matches, at_least=0.6)


# "What Orthanc takes from its best sender at any parallelism": Debian's has four DICOM threads, so
# four associations are EchoNode's best as well; delivery finds that number by itself (delivery.py).
_BEST_OF_ORTHANC = {ECHONODE: Match(sender=ECHONODE, receiver=ORTHANC, associations=4)} | {
    f"{sender} x{associations}": Match(sender=sender, receiver=ORTHANC, associations=associations)
    for sender, associations in (
        (STORESCU, 4),
        (STORESCU, 8),
        (ECHONODE, 1),
        (ECHONODE, 2),
        (RAW, 1),
        (RAW, 2),
        (RAW, 4),
    )
}

SEND_BENCHMARKS: Final = (
    storing("C-STORE stills to Orthanc", STILL, _senders_to(ORTHANC), at_least=8),
    storing("C-STORE stills to Orthanc, its best sender", STILL, _BEST_OF_ORTHANC, at_least=0.9),
    storing("C-STORE RGB to Orthanc", RGB, _senders_to(ORTHANC)),
    storing("C-STORE cine to Orthanc", CINE, _senders_to(ORTHANC)),
    storing("C-STORE stills to DCMTK storescp", STILL, _senders_to(STORESCP)),
    storing("C-STORE RGB to DCMTK storescp", RGB, _senders_to(STORESCP)),
    storing("C-STORE cine to DCMTK storescp", CINE, _senders_to(STORESCP)),
    storing("C-STORE stills to EchoNode", STILL, _senders_to(ECHONODE)),
    storing("C-STORE RGB to EchoNode", RGB, _senders_to(ECHONODE)),
    storing("C-STORE cine to EchoNode", CINE, _senders_to(ECHONODE)),
)

RECEIVE_BENCHMARKS: Final = (
    storing(
        "C-STORE stills, EchoNode to EchoNode (durable) and stock to stock (not)",
        STILL,
        {
            ECHONODE: Match(sender=ECHONODE, receiver=ECHONODE),
            STOCK: Match(sender=STOCK, receiver=STOCK),
        },
        at_least=3,
    ),
    storing(
        "durable receive of stills, sender raw socket",
        STILL,
        _receivers_of(RAW, ECHONODE, ORTHANC),
        at_least=2,
    ),
    storing(
        "durable receive of stills, against the raw-socket ceiling that is durable too",
        STILL,
        _receivers_of(RAW, ECHONODE, RAW_TO_DISK),
        at_least=0.7,
    ),
    storing(
        "durable receive of stills from 8 raw sockets at once",
        STILL,
        _receivers_of(RAW, ECHONODE, ORTHANC, associations=8),
        at_least=4,
    ),
    storing(
        "durable receive of stills, sender DCMTK storescu",
        STILL,
        _receivers_of(STORESCU, ECHONODE, ORTHANC),
        at_least=2,
    ),
    storing(
        "receive of stills, sender raw socket, all receivers",
        STILL,
        _receivers_of(RAW, ECHONODE, STOCK, STORESCP, RAW, RAW_TO_DISK),
    ),
    storing(
        "receive of stills, sender DCMTK storescu, all receivers",
        STILL,
        _receivers_of(STORESCU, ECHONODE, STOCK, STORESCP),
    ),
    storing(
        "receive of stills from 8 DCMTK storescu at once",
        STILL,
        _receivers_of(STORESCU, ECHONODE, ORTHANC, STOCK, STORESCP, associations=8),
    ),
    storing(
        "cine received without disk, against the raw-socket ceiling",
        CINE,
        {
            ECHONODE: Match(sender=RAW, receiver=DISKLESS),
            RAW: Match(sender=RAW, receiver=RAW),
        },
        unit=MEGABYTES_PER_SECOND,
        at_least=0.5,
    ),
    storing(
        "cine received durably, against the raw-socket ceiling that is durable too",
        CINE,
        _receivers_of(RAW, ECHONODE, RAW_TO_DISK),
        unit=MEGABYTES_PER_SECOND,
        at_least=0.6,
    ),
    storing(
        "cine received, all receivers",
        CINE,
        _receivers_of(RAW, ECHONODE, ORTHANC, STOCK, STORESCP, RAW),
        unit=MEGABYTES_PER_SECOND,
    ),
    _on_postgres(1),
    _on_postgres(8),
)

"""Two archives with the same instances: `echonode run` and Orthanc, and who may fetch from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import dcmread

from tests.benchmarks import wire_client
from tests.benchmarks.contest import ECHONODE, Failed, Stage
from tests.benchmarks.work import CALLING_AE_TITLE, Address, Errand
from tests.peers import EchoNodeProcess, OrthancServer, StoreScp
from tests.peers.instances import InstanceKind, Instances, make_instances, renew

ORTHANC: Final = "Orthanc"
MOST_AT_ONCE = 500  # instances of one association, with a word after each


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A running archive and how to call it."""

    name: str
    address: Address
    pid: int


@contextmanager
def archives(receiver: StoreScp) -> Iterator[dict[str, Archive]]:
    """Both, empty; each knows us as the caller and `receiver` as a move destination."""
    node = EchoNodeProcess()
    may = ["echo", "store", "find", "move", "get"]
    node.add_peer("bench", ae_title=CALLING_AE_TITLE, may=may)
    node.add_peer("receiver", ae_title=receiver.ae_title, port=receiver.port, may=[])
    known = {"receiver": (receiver.ae_title, receiver.host, receiver.port)}
    with node, OrthancServer(modalities=known) as orthanc:
        yield {
            ECHONODE: Archive(
                name=ECHONODE,
                address=Address(host=node.host, port=node.port, called=node.ae_title),
                pid=node.pid,
            ),
            ORTHANC: Archive(
                name=ORTHANC,
                address=Address(
                    host=orthanc.host, port=orthanc.dicom_port, called=orthanc.ae_title
                ),
                pid=orthanc.pid,
            ),
        }


def fill(stage: Stage, archive: Archive, instances: Instances) -> None:
    """C-STORE all of them. Raises Failed."""
    errand = Errand.of(instances)
    parts = -(-len(instances.files) // MOST_AT_ONCE)
    for number in range(parts):
        stage.show(f"filling {archive.name}: {number} of {parts} parts")
        wrong = [s for s in wire_client.send(errand.part(number, parts), archive.address) if s]
        if wrong:
            raise Failed(f"{archive.name} refused an instance with {wrong[0]:04X}")


def one_study(folder: Path, kind: InstanceKind, count: int) -> tuple[Instances, str]:
    """`count` instances of one study, and its UID."""
    instances = make_instances(folder, kind, count)
    head = dcmread(instances.files[0], stop_before_pixels=True)
    return instances, str(head.StudyInstanceUID)


def many_studies(folder: Path, kind: InstanceKind, count: int) -> Instances:
    """`count` instances, each the only one of its study."""
    made = make_instances(folder, kind, count)
    alone = [renew(Instances(kind=kind, files=(f,), sop_instance_uids=())) for f in made.files]
    uids = tuple(one.sop_instance_uids[0] for one in alone)
    return Instances(kind=kind, files=made.files, sop_instance_uids=uids)

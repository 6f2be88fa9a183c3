"""The delivering half of a node: a real store and a real network, without probes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydicom import dcmread

from echonode.commitment.commitment_scu import CommitmentSCU
from echonode.delivery.factory import DeliveryServices, delivery_worker
from echonode.delivery.policy import DeliveryPolicy
from echonode.delivery.stow.web_requestor import AnyAssociate, WebRequestor
from echonode.delivery.worker import DeliveryWorker
from echonode.dimse.requestor import Requestor
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CallBackAddress, CommitmentPolicy, Destination, Peer
from echonode.model.instance import Origin
from echonode.store.store import Store
from echonode.store.values import DeliveryJob
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from tests.support.waiting import wait_until

PATIENCE_S = 60.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class DeliveryFixture:
    """A store and the workers of its destinations; `close` ends everything."""

    def __init__(self, folder: Path, *, processes: int = 1) -> None:
        self.store = Store.open(folder)
        self._reencoder = Reencoder(self.store.files.scratch, TranscodeWorkers(processes))
        self._requestor = Requestor(ae_title="ECHONODE")
        self._commitment = CommitmentSCU(
            store=self.store.commitment.transactions,
            call_back=CallBackAddress(ae_title="ECHONODE", host="127.0.0.1", port=11112),
            now=utc_now,
            random=lambda: 0.0,
        )
        self.workers: dict[str, DeliveryWorker] = {}
        self.store.on_delivery_due.append(self._wake)

    def _wake(self, name: str) -> None:
        if worker := self.workers.get(name):
            worker.wake()

    def deliver_to(
        self,
        name: str,
        port: int,
        *,
        ae_title: str = "STORESCP",
        commitment: CommitmentPolicy = CommitmentPolicy.NONE,
        policy: DeliveryPolicy | None = None,
    ) -> DeliveryWorker:
        """Start delivering to a peer on loopback."""
        peer = Peer(name=name, ae_title=ae_title, host="127.0.0.1", port=port, may=frozenset())
        return self.deliver_to_peer(peer, commitment=commitment, policy=policy)

    def deliver_to_peer(
        self,
        peer: Peer,
        *,
        commitment: CommitmentPolicy,
        policy: DeliveryPolicy | None = None,
    ) -> DeliveryWorker:
        """Start delivering to any peer, by DIMSE or by DICOMweb."""
        policy = policy or DeliveryPolicy()
        quality = policy.lossy_quality
        worker = delivery_worker(
            Destination(peer=peer, commitment=commitment),
            DeliveryServices(
                store=self.store.deliveries,
                associate=AnyAssociate(
                    dimse=self._requestor.associate, web=WebRequestor().associate
                ),
                commitment=self._commitment,
                now=utc_now,
                check_bytes=self.store.files.check_bytes,
                key_value=self.store.key_value,
            ),
            policy=policy,
            reencode=self._reencoder.with_loss(quality) if quality else self._reencoder.lossless,
        )
        self.workers[peer.name] = worker
        worker.start()
        return worker

    def put(self, files: Sequence[Path], destinations: Sequence[str]) -> list[str]:
        """Store Part 10 files as they are, to be delivered; their SOP Instance UIDs."""
        return [self._put_one(file, destinations) for file in files]

    def _put_one(self, file: Path, destinations: Sequence[str]) -> str:
        meta = dcmread(file, stop_before_pixels=True).file_meta
        raw = file.read_bytes()
        offset = 144 + int.from_bytes(raw[140:144], "little")
        incoming = self.store.files.open_incoming(
            sop_class_uid=str(meta.MediaStorageSOPClassUID),
            sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
            transfer_syntax_uid=str(meta.TransferSyntaxUID),
        )
        incoming.write(raw[offset:])
        record = self.store.files.read_record(incoming)
        self.store.files.commit(
            incoming,
            record,
            origin=Origin.CAPTURED,
            destinations=destinations,
            acquired_at=utc_now(),
        )
        return record.sop_instance_uid

    def job(self, sop_instance_uid: str, name: str) -> DeliveryJob:
        (job,) = [
            job
            for job in self.store.deliveries.of_instance(sop_instance_uid)
            if job.destination == name
        ]
        return job

    def states(self, name: str) -> Mapping[str, int]:
        """How many deliveries to a destination are in each state."""
        return self.store.ledger.counts().get(name, {})

    def wait_settled(self, name: str, count: int, *, timeout_s: float = PATIENCE_S) -> float:
        """Wait until so many deliveries are sent or held; the seconds it took."""
        began = time.monotonic()
        done = (DeliveryState.SENT, DeliveryState.HELD, DeliveryState.COMMIT_REQUESTED)

        def settled() -> bool:
            counts = self.states(name)
            return sum(counts.get(state, 0) for state in done) >= count

        wait_until(settled, timeout_s=timeout_s, what=f"{count} settled", every_s=0.1)
        return time.monotonic() - began

    def close(self) -> None:
        for worker in self.workers.values():
            worker.stop(5.0)
        self._reencoder.close()
        self.store.close()

"""What the acceptor serves: each DIMSE service joined to the part that answers it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from echonode.config import Config
from echonode.dimse.services import Services
from echonode.exam.serving.step_scp import StepSCP
from echonode.exam.serving.worklist_scp import WorklistSCP
from echonode.intake.storage_scp import StorageSCP
from echonode.node.archives import ArchiveParts
from echonode.query_retrieve.find_scp import FindSCP
from echonode.query_retrieve.get_scp import GetSCP
from echonode.query_retrieve.move_scp import MoveSCP
from echonode.store.index.attribute_reader import AttributeReader
from echonode.store.store import Store
from echonode.transcoding.reencoder import Reencoder


def dimse_services(
    config: Config,
    store: Store,
    *,
    storage: StorageSCP,
    archives: ArchiveParts,
    reencoder: Reencoder,
    now: Callable[[], datetime],
) -> Services:
    """One callable for each service; which peer may use which is the acceptor's matter."""
    without_patients = {each.target for each in config.destinations if each.anonymise}
    steps = StepSCP(
        store.reported_steps,
        node_id=store.node_id,
        next_number=lambda: store.counter("reported_step"),
        now=now,
    )
    return Services(
        open_incoming=storage.open_incoming,
        store=storage.store,
        find=FindSCP(
            store.index.find,
            ae_title=config.ae_title,
            read_file=AttributeReader(store.index.select),
        ),
        move=MoveSCP(
            select=store.index.select_to_send,
            associate=archives.requestor.associate,
            # A peer that gets anonymised copies is sent no original, also not on request.
            destination_for={
                peer.ae_title: peer
                for peer in config.peer_values()
                if peer.name not in without_patients
            }.get,
            reencode=reencoder.lossless,
        ),
        get=GetSCP(select=store.index.select_to_send, reencode=reencoder.lossless),
        commit_request=archives.commitment_scp.commit_request,
        commit_report=archives.take_report,
        worklist=WorklistSCP(
            store.worklist.items,
            from_ris=config.worklist is not None and config.worklist.serve,
            performed_here=store.reported_steps.performed_here,
        ),
        create_step=steps.create,
        set_step=steps.change,
    )

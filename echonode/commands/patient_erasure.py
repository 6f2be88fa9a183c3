"""`echonode patient erase`: by the node that runs, or in the store of one that is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from echonode.audit.sources.commands import this_user
from echonode.commands.node_client import post
from echonode.config import Config
from echonode.errors import StoreLocked
from echonode.maintenance.erasing import Erasing
from echonode.node.audit import NodeAudit
from echonode.node.settings.stores import open_store


def erase_patient(config: Config, patient_id: str, *, timeout_s: float) -> Mapping[str, Any]:
    """What was erased. Raises OperatorRefused, UsageError, NodeNotAsked, StoreError."""
    try:
        store = open_store(config)
    except StoreLocked:
        body: dict[str, object] = {"patient_id": patient_id}
        answer: Mapping[str, Any] = post(config, "/api/patients/erase", body, timeout_s=timeout_s)
        return answer
    with store:
        audit = NodeAudit(config, lookup=store.whose, now=lambda: datetime.now(UTC))
        audit.start()
        try:
            erasing = Erasing(
                store,
                policies=config.commitment_policies(),
                forget=audit.forget,
                record=audit.work.erased,
                now=lambda: datetime.now(UTC),
            )
            return erasing.erase(patient_id, by=this_user().user)
        finally:
            audit.stop(timeout_s)

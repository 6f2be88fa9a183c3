"""`echonode hold`, `release` and `retry`: through the running node, or on the store itself.

The store is one process's at a time: where a node runs it has the lock, and is asked over HTTP;
where none does, the command opens the store (which mends it, as a start does) and closes it again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from echonode.config import Config
from echonode.errors import StoreLocked, UsageError
from echonode.model.identity import is_valid_uid
from echonode.operator_hand import act
from echonode.running_node import post
from echonode.store.store import Store

_ANSWER_S = 60.0


def operate(
    config: Config, action: str, sop_instance_uid: str, *, destination: str | None
) -> dict[str, Any]:
    """Do it; what came of it as operator_hand.act says.

    Raises UsageError for what is no UID or no store, OperatorRefused, NodeNotAsked.
    """
    if not is_valid_uid(sop_instance_uid):
        raise UsageError(f"{sop_instance_uid!r} is not a SOP Instance UID")
    if not (config.data_dir / "index.sqlite").exists():
        raise UsageError(f"there is no store in {config.data_dir}: has the node run there?")
    names = [at.name for at in config.destination_values()]
    try:
        store = Store.open(
            config.data_dir, adopt_to=names, forward_to=config.forwarding_by_ae_title()
        )
    except StoreLocked:
        body: dict[str, object] = {} if destination is None else {"destination": destination}
        path = f"/api/instances/{quote(sop_instance_uid)}/{action}"
        answer: dict[str, Any] = post(config.web, path, body, timeout_s=_ANSWER_S)
        return answer
    with store:
        return act(
            store,
            action,
            sop_instance_uid,
            now=datetime.now(UTC),
            destination=destination,
        )

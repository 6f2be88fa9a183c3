"""The store that a configuration describes, opened: for the node, and for commands without one.

Every opening of a store is by this function. What one of them left out would be lost there alone:
the object storage, say, that has the instances.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from echonode.config import Config
from echonode.store.store import Store, utc_now


def open_store(
    config: Config,
    *,
    now: Callable[[], datetime] = utc_now,
    recover_later: bool = False,
    on_adopted: Callable[[int], None] = lambda count: None,
) -> Store:
    """See Store.open, which says what is raised. recover_later, on_adopted: as there."""
    return Store.open(
        config.data_dir,
        now=now,
        adopt_to=[at.name for at in config.destination_values()],
        forward_to=config.forwarding_by_ae_title(),
        on_adopted=on_adopted,
        recover_later=recover_later,
        waiting_prefix=config.exam.waiting_prefix,
        objects=config.objects_at(),
        index_url=config.index.server_url,
        node=config.node.name or "",
        cipher=config.encryption.cipher,
    )

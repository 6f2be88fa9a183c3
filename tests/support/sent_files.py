"""A stored instance as it leaves the node: its dataset byte for byte, and no seal."""

from __future__ import annotations

from echonode.model.instance import StoredInstance
from echonode.store.files.file_meta import sent_meta
from echonode.store.files.seal import CREATOR_UID


def sent_file(instance: StoredInstance) -> bytes:
    """The whole file that a peer must get of it."""
    head = sent_meta(instance)
    assert CREATOR_UID.encode("ascii") not in head
    return head + instance.path.read_bytes()[instance.dataset_offset :]

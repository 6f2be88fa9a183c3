"""Defects of a node that speaks or deletes too early, planted by nodes/preforked_node.py."""

from __future__ import annotations

import threading
from contextlib import suppress

from echonode.dimse.services import StoreRequest
from echonode.errors import OutOfSpace
from echonode.intake.storage_scp import StorageSCP
from echonode.model.status import SUCCESS
from echonode.store.retention import candidates

# Long after any kill: what such an answer acknowledged is not here when the node is killed.
_LATE_S = 60.0


def _answer_before_the_commit() -> None:
    commit = StorageSCP.store

    def answer_first(self: StorageSCP, request: StoreRequest) -> int:
        threading.Timer(_LATE_S, commit, (self, request)).start()
        return SUCCESS

    StorageSCP.store = answer_first


def _delete_before_the_promise() -> None:
    vars(candidates)["why_kept"] = lambda *_, **__: ""


def _hide_what_the_disk_refuses() -> None:
    store = StorageSCP.store

    def always_well(self: StorageSCP, request: StoreRequest) -> int:
        with suppress(OutOfSpace):
            return store(self, request)
        return SUCCESS

    StorageSCP.store = always_well


DEFECTS = {
    "": lambda: None,
    "answers before the commit": _answer_before_the_commit,
    "deletes before the promise": _delete_before_the_promise,
    "hides what the disk refuses": _hide_what_the_disk_refuses,
}

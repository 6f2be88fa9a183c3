"""pynetdicom's associations, without the race that takes an answer away from who waits for it.

A requestor clears the checkpoint of its association's thread, waits until that thread is paused,
and sends. The thread marks itself as paused before it waits at the checkpoint, and takes the mark
away after: between the two it may be past the checkpoint. Then it takes the answer itself
("Received unexpected C-STORE service message"), and the requestor waits for its timeout. On a busy
machine this was seen once in some thousand messages. Here a thread counts as paused once it does
wait.
"""

from __future__ import annotations

import threading

from pynetdicom.association import Association

_MARK = "_is_marked_as_paused"


def wait_for_real_pauses() -> None:
    """For the process."""
    Association._is_paused = property(_is_paused, _mark)  # type: ignore[assignment]


def _is_paused(association: Association) -> bool:
    if not association.__dict__.get(_MARK, False):
        return False
    checkpoint = association._reactor_checkpoint
    is_being_paused = not checkpoint.is_set() and threading.current_thread() is not association
    if not is_being_paused or association._kill or not association.is_alive():
        return True
    return bool(checkpoint._cond._waiters)  # type: ignore[attr-defined]


def _mark(association: Association, value: bool) -> None:
    association.__dict__[_MARK] = value

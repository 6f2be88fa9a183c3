"""DIMSE messages that pynetdicom's own methods would not send: odd UIDs, other bytes, a cancel."""

from __future__ import annotations

from typing import Any

from pynetdicom.association import Association


def answered(association: Association, message: Any, *more: Any) -> Any:
    """Send messages on the first accepted context, one behind the other; the first answer."""
    association._reactor_checkpoint.clear()  # its thread would take the answer
    while not association._is_paused:
        association._reactor_checkpoint.wait(0.001)
    try:
        context_id = association.accepted_contexts[0].context_id or 0
        for each in (message, *more):
            association.dimse.send_msg(each, context_id)
        return association.dimse.get_msg(block=True)[1]
    finally:
        association._reactor_checkpoint.set()


def status_of(association: Association, message: Any) -> int:
    """The status of the answer."""
    answer = answered(association, message)
    assert answer is not None, "no answer"
    return int(answer.Status or 0)


def last_status(association: Association, message: Any, *more: Any) -> int:
    """The status that ends an operation with many answers."""
    answer = answered(association, message, *more)
    while answer is not None and answer.Status in (0xFF00, 0xFF01):
        answer = association.dimse.get_msg(block=True)[1]
    assert answer is not None, "no answer"
    return int(answer.Status or 0)

"""DIMSE messages that pynetdicom's own methods would not send: odd UIDs, other bytes, a cancel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pynetdicom.association import Association


@contextmanager
def answers_of(association: Association, *messages: Any) -> Iterator[Iterator[Any]]:
    """Send messages on the first accepted context, one behind the other: each answer that comes.

    Until the end of the block the association's own thread is paused: it would take answers.
    """
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        association._reactor_checkpoint.wait(0.001)
    try:
        context_id = association.accepted_contexts[0].context_id or 0
        for each in messages:
            association.dimse.send_msg(each, context_id)
        yield iter(lambda: association.dimse.get_msg(block=True)[1], None)
    finally:
        association._reactor_checkpoint.set()


def answered(association: Association, message: Any) -> Any:
    """The first answer; None where there is none."""
    with answers_of(association, message) as answers:
        return next(answers, None)


def status_of(association: Association, message: Any) -> int:
    """The status of the answer."""
    answer = answered(association, message)
    assert answer is not None, "no answer"
    return int(answer.Status or 0)


def last_status(association: Association, *messages: Any) -> int:
    """The status that ends an operation with many answers."""
    with answers_of(association, *messages) as answers:
        for answer in answers:
            if answer.Status not in (0xFF00, 0xFF01):
                return int(answer.Status or 0)
    raise AssertionError("no answer")

"""An operation with many answers that the requestor may cancel: C-FIND, C-MOVE, C-GET.

While one is served, no other thread reads. So between two answers, and whenever the handler calls
`cancelled()`, the connection is polled: that receives a C-CANCEL (PS3.7 9.3.2.3) and detects that
the peer is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import TypeVar, cast

from pydicom.uid import UID

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.handler_errors import run_handler
from echonode.dimse.messages.provider import Message
from echonode.errors import AssociationLost
from echonode.model.criteria import Root

T = TypeVar("T")

# How often the connection is polled while answers follow each other closely: a poll is a system
# call, which costs as much as an answer; one millisecond does not delay a cancel noticeably.
POLL_EVERY_S = 0.001
_LONG = ("move", "get")


class CancellableOperation:
    """One C-FIND, C-MOVE or C-GET; a context manager for as long as it is served."""

    def __init__(self, assoc: EventAssociation, message: Message, service: str) -> None:
        self._assoc = assoc
        self._service = service
        self._message_id = cast(int, message.command.message_id)
        self._polled_at = float("-inf")

    def __enter__(self) -> CancellableOperation:
        self._assoc.dimse.cancellable = self._message_id
        return self

    def __exit__(self, *_: object) -> None:
        self._assoc.dimse.cancellable = None
        self._assoc.dimse.cancelled.discard(self._message_id)

    def cancelled(self) -> bool:
        """Whether the requestor has cancelled it.

        Raises AssociationLost when the peer is gone, or when this node stops during a retrieval: it
        finishes an instance, but not a study of thousands.
        """
        if self._assoc.is_draining and self._service in _LONG:
            raise AssociationLost("this node is stopping")
        now = time.monotonic()
        if now - self._polled_at >= POLL_EVERY_S and threading.current_thread() is self._assoc:
            self._assoc.exchange.poll()
            self._polled_at = now
        return self._message_id in self._assoc.dimse.cancelled

    def results(self, handler: Callable[[], Iterator[T]]) -> Iterator[T]:
        """What the handler yields, until it ends or the operation is cancelled.

        Raises DimseFailure for whatever the handler raises; closes the handler's generator in
        every case, which frees its cursor and its associations.
        """
        iterator = run_handler(self._assoc, self._service, lambda: iter(handler()))
        try:
            while not self.cancelled():
                result = run_handler(self._assoc, self._service, lambda: next(iterator, None))
                if result is None:
                    return
                yield result
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                run_handler(self._assoc, self._service, close)


def root_of(abstract_syntax: str, classes: Mapping[Root, str]) -> Root:
    """The information model of a query/retrieve class."""
    return next(root for root, uid in classes.items() if uid == abstract_syntax)


class FindOption(IntEnum):
    """The bytes of a query's extended negotiation (PS3.4 C.5.1.1.1) that we grant, from 0."""

    RELATIONAL = 0
    COMBINED_DATE_TIME = 1
    FUZZY_NAMES = 2


def is_negotiated(assoc: EventAssociation, abstract_syntax: str, option: FindOption) -> bool:
    """Whether an option of queries was asked for, and so granted (acceptance.py)."""
    information = assoc.requestor.sop_class_extended.get(UID(abstract_syntax), b"")
    return information[option : option + 1] == b"\x01"

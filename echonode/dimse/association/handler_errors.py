"""Errors of a service's handler, as the status that the peer gets (PS3.7 annex C).

The only place where every exception of a handler is caught: a defect in one service answers 0110
to one message, is logged once without values, and the association goes on. Plain pynetdicom answers
C211 to all of them, which senders read as a fault of their object.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable
from typing import TypeVar

from echonode.dimse.association.association import EventAssociation
from echonode.errors import AssociationLost, DimseFailure, IndexDamaged, OutOfSpace
from echonode.log import get_logger
from echonode.model.status import OUT_OF_RESOURCES, PROCESSING_FAILURE

log = get_logger(__name__)

T = TypeVar("T")


# Errors of the disk that are answered A700: the peer may try again later.
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})


def run_handler(assoc: EventAssociation, service: str, action: Callable[[], T]) -> T:
    """Run `action`; what it raises becomes a DimseFailure.

    Only the loss of the peer's own association is raised as it is: there is no peer to answer.
    """
    try:
        return action()
    except DimseFailure:
        raise
    except Exception as error:
        over = assoc.dul.is_over or not assoc.is_established
        if isinstance(error, AssociationLost) and over:
            raise
        status = _status_of(error)
        # Without message and values, which may quote a dataset; the place in the code is enough.
        last = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "service_failed",
            service=service,
            status=f"{status:04X}",
            error=type(error).__name__,
            where=f"{last.name}:{last.lineno}",
        )
        comment = "Out of resources" if status == OUT_OF_RESOURCES else "Processing failure"
        raise DimseFailure(status, comment) from error


def _status_of(error: Exception) -> int:
    if isinstance(error, OutOfSpace | IndexDamaged | MemoryError):
        return OUT_OF_RESOURCES
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return OUT_OF_RESOURCES
    return PROCESSING_FAILURE

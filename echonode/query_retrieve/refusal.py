"""The refusal of a request whose identifier does not fit the service (PS3.4 C.4.1.1.4)."""

from __future__ import annotations

from echonode.errors import DimseFailure
from echonode.model.status import IDENTIFIER_DOES_NOT_MATCH_SOP_CLASS


def refused(comment: str) -> DimseFailure:
    """A900 with an Error Comment (0000,0902) that quotes no value."""
    return DimseFailure(IDENTIFIER_DOES_NOT_MATCH_SOP_CLASS, comment)

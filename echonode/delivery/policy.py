"""How one destination is treated, as far as its operator may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from echonode.delivery.status_table import Verdict

# The most associations at once. On a line with a round trip of 50 ms eight are worth seven or so;
# archives serve that many by default, and one that does not says so (concurrency.py).
ASSOCIATIONS = 8


@dataclass(frozen=True, kw_only=True)
class DeliveryPolicy:
    """The choices.

    associations: at most so many at once. statuses: rows of the status table that are otherwise
    here. lossy_quality: of JPEG baseline (1 to 100) where nothing lossless is taken; None: never.
    """

    associations: int = ASSOCIATIONS
    statuses: Mapping[str, Verdict] = field(default_factory=lambda: MappingProxyType({}))
    lossy_quality: int | None = None

"""What an operator chooses about the delivery to one destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from echonode.delivery.status_table import Verdict

# The most associations at once. With a round trip of 50 ms eight of them are about seven times as
# fast as one. Archives serve that many by default; one that does not is found out (concurrency.py).
ASSOCIATIONS = 8


@dataclass(frozen=True, kw_only=True)
class DeliveryPolicy:
    """The choices.

    associations: the most at once. statuses: rows that replace those of the status table.
    lossy_quality: of JPEG baseline (1 to 100), for an archive that takes nothing lossless; None:
    never sent with loss.
    """

    associations: int = ASSOCIATIONS
    statuses: Mapping[str, Verdict] = field(default_factory=lambda: MappingProxyType({}))
    lossy_quality: int | None = None

"""All claims of one configuration, in the order of the document."""

from __future__ import annotations

from typing import Final

from echonode.config import Config
from echonode.monitoring.conformance import (
    archives,
    copies,
    network,
    queries,
    statuses,
    web,
    workflow,
)
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.outline import SECTIONS

KINDS: Final[tuple[Kind, ...]] = (
    *network.KINDS,
    *queries.KINDS,
    *workflow.KINDS,
    *archives.KINDS,
    *statuses.KINDS,
    *copies.KINDS,
    *web.KINDS,
)
_ORDER: Final = {number: place for place, (number, _) in enumerate(SECTIONS)}


def claims(config: Config) -> tuple[Claim, ...]:
    """Every claim, by section and kind. An id stands once."""
    found = [
        *network.network_claims(config),
        *queries.query_claims(config),
        *workflow.workflow_claims(config),
        *archives.archive_claims(config),
        *statuses.status_claims(config),
        *copies.copy_claims(config),
        *web.web_claims(config),
        *web.security_claims(config),
    ]
    kinds = {kind.name: place for place, kind in enumerate(KINDS)}
    # An id of two sources, such as C-FIND of the worklist and of a verification, is one claim.
    distinct = {claim.id: claim for claim in found}
    return tuple(
        sorted(distinct.values(), key=lambda each: (_ORDER[each.section], kinds[each.kind.name]))
    )

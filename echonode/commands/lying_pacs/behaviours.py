"""All behaviours by name.

The tables are data. A row is added to one of them, and its name, sentence and parameters are in
`--list` and in docs/lying-pacs.md.
"""

from __future__ import annotations

from echonode.commands.lying_pacs.association_behaviours import ASSOCIATION_BEHAVIOURS
from echonode.commands.lying_pacs.commitment_behaviours import (
    COMMITMENT_BEHAVIOURS,
    QUERY_BEHAVIOURS,
)
from echonode.commands.lying_pacs.store_behaviours import STORE_BEHAVIOURS

BEHAVIOURS = (
    *ASSOCIATION_BEHAVIOURS,
    *STORE_BEHAVIOURS,
    *COMMITMENT_BEHAVIOURS,
    *QUERY_BEHAVIOURS,
)
BY_NAME = {behaviour.name: behaviour for behaviour in BEHAVIOURS}

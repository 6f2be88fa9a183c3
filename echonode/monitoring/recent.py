"""The rows that the console lists: of the ledger, with where each came from."""

from __future__ import annotations

from collections.abc import Mapping

from echonode.monitoring.ledger import plain_rows
from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.values import LedgerChoice
from echonode.transcoding.dataset import NATIVE


def recent_rows(store: ReadOnlyStore, last: int) -> list[Mapping[str, object]]:
    """The `last` newest rows, newest first; see `chosen_rows`."""
    return chosen_rows(store, LedgerChoice(last=last))


def chosen_rows(store: ReadOnlyStore, choice: LedgerChoice) -> list[Mapping[str, object]]:
    """The rows of a choice.

    Each is a row of the ledger, with `source` and `duration_s` (store/deliveries/capture_facts.py)
    and `thumbnail`: whether one can be asked for. No patient data.
    """
    rows = list(plain_rows(store, choice))
    facts = store.ledger.capture_facts({str(row["sop_instance_uid"]) for row in rows})
    found: list[Mapping[str, object]] = []
    for row in rows:
        known = facts.get(str(row["sop_instance_uid"]))
        found.append(
            {
                **row,
                "source": known.source if known else "",
                "duration_s": known.duration_s if known else None,
                "thumbnail": known is not None and known.transfer_syntax_uid in NATIVE,
            }
        )
    return found

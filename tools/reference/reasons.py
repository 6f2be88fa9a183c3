"""The reasons for giving up an exam, as a table."""

from __future__ import annotations

from echonode.model.discontinuation import REASONS


def reasons() -> str:
    """A row for each code of PS3.16 CID 9300 that the node takes."""
    rows = [f"| `{code.value}` | {code.meaning} |" for code in REASONS.values()]
    return "\n".join(["| reason | PS3.16 CID 9300 |", "|---|---|", *rows])

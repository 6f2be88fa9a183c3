"""How a C-MOVE or C-GET ends."""

from __future__ import annotations

import pytest

from echonode.dimse.scp.retrieve import final_status
from echonode.dimse.services import SubOperations


@pytest.mark.parametrize(
    ("remaining", "completed", "failed", "warning", "cancelled", "status"),
    [
        (0, 0, 0, 0, False, 0x0000),
        (0, 3, 0, 0, False, 0x0000),
        (0, 2, 1, 0, False, 0xB000),
        (0, 2, 0, 1, False, 0xB000),
        (0, 0, 2, 1, False, 0xB000),
        (0, 0, 3, 0, False, 0xA702),
        (2, 1, 0, 0, True, 0xFE00),
        (2, 0, 1, 0, True, 0xFE00),
        (0, 3, 0, 0, True, 0x0000),  # cancelled when all was done: it is done
    ],
)
def test_the_final_status_follows_from_the_counts(
    remaining: int, completed: int, failed: int, warning: int, cancelled: bool, status: int
) -> None:
    """Success only when all went well; A702 only when nothing did; FE00 when something was left."""
    last = SubOperations(remaining=remaining, completed=completed, failed=failed, warning=warning)
    assert final_status(last, cancelled=cancelled) == status

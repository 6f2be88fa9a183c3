"""The table of C-STORE statuses."""

from __future__ import annotations

import pytest

from echonode.delivery.status_table import ROWS, UNKNOWN, StatusTable, Treatment, Verdict
from echonode.model.delivery import DIFFERING_COPY_STATUSES

T = Treatment
ANSWERS = [
    (0x0000, T.STORED),
    (0xB000, T.STORED),
    (0xB006, T.STORED),
    (0xB007, T.STORED),
    (0x0111, T.PERHAPS_STORED),
    (0xA700, T.PAUSE_DESTINATION),
    (0xA702, T.PAUSE_DESTINATION),
    (0xA7FF, T.PAUSE_DESTINATION),
    (0x0124, T.PAUSE_DESTINATION),
    (0x0110, T.RETRY_THEN_HOLD),
    (0xC000, T.RETRY_THEN_HOLD),
    (0xC211, T.RETRY_THEN_HOLD),
    (0xCFFF, T.RETRY_THEN_HOLD),
    (0x0122, T.OTHER_CONTEXT),
    (0x0112, T.OTHER_CONTEXT),
    (0xC122, T.OTHER_CONTEXT),
    (0xA900, T.HOLD),
    (0xA9FF, T.HOLD),
    (0x0117, T.HOLD),
    (0x0001, T.RESEND),
    (0x0210, T.RESEND),
    (0xA600, T.RESEND),
    (0xB001, T.RESEND),
    (0xFF00, T.RESEND),
    (0xFFFF, T.RESEND),
    (0x10000, T.RESEND),
]


@pytest.mark.parametrize(("status", "treatment"), ANSWERS)
def test_each_status_is_treated_as_the_rules_say(status: int, treatment: Treatment) -> None:
    """Every answer an archive can give leads to exactly one treatment."""
    assert StatusTable().verdict(status).treatment is treatment


def test_every_row_is_reached() -> None:
    """No row of the table is dead: each decides for at least one status that is tested."""
    reached = {StatusTable().verdict(status) for status, _ in ANSWERS}
    assert reached == {*ROWS.values(), UNKNOWN}


@pytest.mark.parametrize(
    ("status", "kept"), [(0x0000, False), (0xB000, False), (0xB006, True), (0xB007, True)]
)
def test_copy_stays_where_the_archive_has_another(status: int, kept: bool) -> None:
    """Where the archive left something out, our copy stays until a person clears it."""
    assert (status in DIFFERING_COPY_STATUSES) is kept
    assert StatusTable().verdict(status).treatment is Treatment.STORED


def test_a_destination_may_rule_one_status_otherwise() -> None:
    """An override of A702 changes A702 for that destination and nothing else."""
    hold = Verdict(treatment=Treatment.HOLD, meaning="not for this archive")
    table = StatusTable({"A702": hold})
    assert table.verdict(0xA702) is hold
    assert table.verdict(0xA700).treatment is Treatment.PAUSE_DESTINATION
    assert StatusTable().verdict(0xA702).treatment is Treatment.PAUSE_DESTINATION


@pytest.mark.parametrize("pattern", ["", "xxxx", "A7", "A7x", "A7xxx", "Axx0", "a7xx", "G000"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """A mistyped override is an error, never a row that silently decides nothing."""
    with pytest.raises(ValueError, match="not a status pattern"):
        StatusTable({pattern: UNKNOWN})

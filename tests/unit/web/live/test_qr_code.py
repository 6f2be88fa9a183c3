"""A link becomes a QR code of rows of 0 and 1."""

from __future__ import annotations

import pytest

from echonode.web.live.qr_code import MOST_CHARACTERS, qr_rows
from echonode.web.live.watch_address import LONGEST_ADDRESS, page_path

# ISO/IEC 18004: the finder pattern; the timing pattern is between two of them.
FINDER = ("1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111")


def test_the_rows_are_a_qr_code() -> None:
    """Square, of a size that there is, with the three marks that a reader looks for."""
    rows = qr_rows("https://node.example:8443/#/watch/" + "x" * 43)
    side = len(rows)
    assert (side - 17) % 4 == 0
    assert {len(row) for row in rows} == {side}
    assert {module for row in rows for module in row} == {"0", "1"}
    assert tuple(row[:7] for row in rows[:7]) == FINDER
    assert tuple(row[-7:] for row in rows[:7]) == FINDER
    assert tuple(row[:7] for row in rows[-7:]) == FINDER
    assert rows[6][7:-7] == "".join("01"[n % 2 == 0] for n in range(7, side - 7))


def test_another_text_is_another_code() -> None:
    """Else all links would open one page."""
    assert qr_rows("http://one") != qr_rows("http://two")


def test_every_link_has_one() -> None:
    """The longest address that is taken, with a token behind it."""
    assert LONGEST_ADDRESS + len(page_path("x" * 43)) <= MOST_CHARACTERS
    assert len(qr_rows("x" * MOST_CHARACTERS)) <= 69


@pytest.mark.parametrize("text", ["", "http://nœud", "x" * (MOST_CHARACTERS + 1)])
def test_what_has_none_is_refused(text: str) -> None:
    """Bounded, as it costs time."""
    with pytest.raises(ValueError, match="QR code"):
        qr_rows(text)

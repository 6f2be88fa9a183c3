"""What is shown is what is stored, a thousand times at the rate of a probe."""

from __future__ import annotations

import pytest

from tests.integration.web.live_room import live_room


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_thousand_stills_are_what_was_shown() -> None:
    """1,000 of 1,000, at 20 frames a second."""
    with live_room(20.0) as room:
        exam = room.client.open(patient={"id": "P-1", "name": "Doe^Jane"})
        taken = room.stills_of_what_is_shown(exam, 1000)
        room.client.post(f"/api/exams/{exam}/end")
        assert len({shown.sequence for shown, _ in taken}) == 1000
        assert room.right_of(taken) == 1000

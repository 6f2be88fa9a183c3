"""What an HTTP status means: the instance's failure, the archive's, or a wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from echonode.delivery.retry import Backoff, after_response, remark_on_stored
from echonode.delivery.status_table import Treatment
from echonode.delivery.stow.verdicts import LONGEST_WAIT_S, verdict_of, wait_of
from echonode.model.delivery import DeliveryEvent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
T = Treatment


@pytest.mark.parametrize(
    ("status", "treatment", "alarm"),
    [
        (200, T.STORED, False),
        (201, T.STORED, False),
        (202, T.PERHAPS_STORED, False),
        (301, T.PAUSE_DESTINATION, True),
        (400, T.RETRY_THEN_HOLD, False),
        (401, T.PAUSE_DESTINATION, True),
        (403, T.PAUSE_DESTINATION, True),
        (404, T.PAUSE_DESTINATION, True),
        (409, T.RETRY_THEN_HOLD, False),
        (413, T.HOLD, True),
        (415, T.OTHER_CONTEXT, True),
        (418, T.RETRY_THEN_HOLD, False),
        (429, T.PAUSE_DESTINATION, False),
        (500, T.RETRY_THEN_HOLD, False),
        (503, T.PAUSE_DESTINATION, False),
        (507, T.PAUSE_DESTINATION, True),
        (599, T.RETRY_THEN_HOLD, False),
    ],
)
def test_each_status_has_its_treatment(status: int, treatment: Treatment, *, alarm: bool) -> None:
    """And its number is in the words that a person reads."""
    verdict = verdict_of(status)
    assert (verdict.treatment, verdict.alarm) == (treatment, alarm)
    assert verdict.meaning.startswith(f"HTTP {status}: ")
    assert bool(verdict.retry_delays_s) == (treatment is T.RETRY_THEN_HOLD)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("99999999999999999999", LONGEST_WAIT_S),
        ("Thu, 01 Jan 2026 00:01:30 GMT", 90),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("Thu, 01 Jan 2026 00:01:30", 0),
        ("soon", 0),
        ("-3", 0),
        ("٣", 0),
        ("", 0),
    ],
)
def test_retry_after_is_seconds_or_a_moment_by_the_archives_clock(
    value: str, seconds: float
) -> None:
    """What says nothing of use asks for no wait."""
    assert wait_of(value, DATE) == seconds


def test_a_moment_without_a_date_to_compare_it_with_says_nothing() -> None:
    """Our own clock may be wrong."""
    assert wait_of("Thu, 01 Jan 2026 00:01:30 GMT", "") == 0


def test_the_wait_that_the_archive_asks_for_pauses_it_so_long_at_least() -> None:
    """429 with Retry-After; no attempt of the instance is counted against it."""
    decision = after_response(
        verdict_of(429, wait_s=600.0),
        failures_before=0,
        pauses_before=0,
        now=NOW,
        random=lambda: 0.0,
        backoff=Backoff(),
    )
    assert decision.event is DeliveryEvent.RETRY
    assert decision.pause_s == 600.0


def test_only_a_success_with_a_doubt_leaves_a_remark() -> None:
    """200 leaves none."""
    assert remark_on_stored(verdict_of(200), None, None) == ""
    assert remark_on_stored(verdict_of(202), None, None).startswith("HTTP 202")

"""When to ask again, and what each Failure Reason leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from echonode.commitment.schedule import (
    AFTER_BACK_S,
    AFTER_START_S,
    FAILURE_RULES,
    after_failure,
    backoff_s,
    is_alarming,
    report_overdue_in_s,
)
from echonode.model.commitment import FailureReason, TransactionState
from echonode.model.delivery import DeliveryEvent
from echonode.store.values import Transaction
from tests.support.clock import START
from tests.unit.commitment.doubles import delivery_job, transaction

E = DeliveryEvent
H = 3600.0
LONG_UP = START - timedelta(days=400)  # the node has run since before every request


def hours(value: float) -> timedelta:
    return timedelta(hours=value)


def overdue_s(waiting: Transaction, now: datetime) -> float:
    return report_overdue_in_s(waiting, now, node_started_at=LONG_UP)


def test_asked_again_after_1_6_24_hours_then_daily() -> None:
    """An archive that never reports is asked at 0, 1, 6, 24, 48, 72 and 96 hours."""
    asked = [0.0]
    while len(asked) < 7:
        waiting = transaction(requested_h=asked[-1])
        asked.append(asked[-1] + overdue_s(waiting, waiting.requested_at) / H)
    assert asked == [0, 1, 6, 24, 48, 72, 96]


@pytest.mark.parametrize(
    ("requested_h", "now_h", "overdue_in_h"),
    [
        (0, 0.25, 0.75),
        (0, 1, 0),
        (0, 500, 0),
        (1, 5.5, 0.5),
        (5.9, 5.9, 1),  # taken late, after refusals: an hour at least
        (30, 30, 18),
        (0, -0.5, 1.5),  # the clock was set back a little: wait
        (0, -8760, 0),  # by a year: ask now, not in a year
    ],
)
def test_a_report_is_overdue_when_the_schedule_says(
    requested_h: float, now_h: float, overdue_in_h: float
) -> None:
    """The wait counts from the first request and survives a clock that is set."""
    waiting = transaction(requested_h=requested_h)
    assert overdue_s(waiting, START + hours(now_h)) == pytest.approx(overdue_in_h * H)


def test_a_request_whose_answer_was_not_seen_is_made_anew_at_once() -> None:
    """A stop between the row and the N-ACTION's answer costs no hour."""
    waiting = transaction(state=TransactionState.CREATED)
    assert overdue_s(waiting, START) == 0


@pytest.mark.parametrize(
    ("started_s", "now_s", "overdue_in_s"),
    [
        (60, 60, AFTER_START_S),  # the report may have come while the node was down
        (60, 60 + AFTER_START_S, 0),
        (60, 5000, 0),
        (-60, 60, H - 60),  # asked since the start: the usual hour
        (H - 5, H - 5, 5),  # due sooner anyway
    ],
)
def test_a_request_from_before_the_start_is_made_anew_soon(
    started_s: float, now_s: float, overdue_in_s: float
) -> None:
    """An archive that reports once, to a node that was down, is asked again within seconds."""
    left_s = report_overdue_in_s(
        transaction(),
        START + timedelta(seconds=now_s),
        node_started_at=START + timedelta(seconds=started_s),
    )
    assert left_s == pytest.approx(overdue_in_s)


@pytest.mark.parametrize(
    ("back_s", "times_asked", "now_s", "overdue_in_s"),
    [
        (60, 1, 60, AFTER_BACK_S),  # it restarted since, and may have lost the request
        (60, 1, 60 + AFTER_BACK_S, 0),
        (-60, 1, 60, H - 60),  # asked since it was back: the usual hour
        (60, 3, 60, 4 * AFTER_BACK_S),  # it breaks off now and then: ever less often
        (60, 30, 60, H - 60),
        (H - 5, 1, H - 5, 5),  # due sooner anyway
    ],
)
def test_a_request_from_before_an_outage_is_made_again_soon_after_it(
    back_s: float, times_asked: int, now_s: float, overdue_in_s: float
) -> None:
    """An archive that restarts between our request and its report is asked again within seconds of
    its return, and not at each of its breaks without an end."""
    left_s = report_overdue_in_s(
        replace(transaction(), times_asked=times_asked),
        START + timedelta(seconds=now_s),
        node_started_at=LONG_UP,
        back_at=START + timedelta(seconds=back_s),
    )
    assert left_s == overdue_in_s


@pytest.mark.parametrize(("hours_waited", "alarm"), [(1, False), (23.9, False), (24, True)])
def test_a_person_is_told_after_a_day(hours_waited: float, alarm: bool) -> None:
    """A report awaited for 24 h rings."""
    assert is_alarming(transaction(), START + hours(hours_waited)) is alarm


@pytest.mark.parametrize(
    ("reason", "asked", "failed", "event", "delay_s"),
    [
        (0x0112, 1, 0, E.NOT_COMMITTED, 0),
        (0x0112, 1, 1, E.NOT_COMMITTED, 30),
        (0x0112, 1, 2, E.NOT_COMMITTED, 60),
        (0x0112, 1, 3, E.HOLD, None),
        (0x0110, 1, 0, E.REQUEST_LOST, 30),
        (0x0110, 4, 0, E.REQUEST_LOST, 240),
        (0x0110, 99, 0, E.REQUEST_LOST, 6 * H),
        (0x0213, 1, 9, E.REQUEST_LOST, 30),
        (0x0131, 1, 0, E.REQUEST_LOST, 30),
        (0x0119, 1, 0, E.HOLD, None),
        (0x0122, 1, 0, E.HOLD, None),
        (0x0999, 1, 0, E.REQUEST_LOST, 30),
        (None, 1, 0, E.REQUEST_LOST, 30),
    ],
)
def test_each_failure_reason_leads_to_its_action(
    reason: int | None, asked: int, failed: int, event: DeliveryEvent, delay_s: float | None
) -> None:
    """What the archive lost is sent again, what it could not do is asked again, else a person."""
    action = after_failure(
        delivery_job(1, asked=asked, failed=failed), reason, now=START, random=lambda: 0.0
    )
    due = None if delay_s is None else START + timedelta(seconds=delay_s)
    assert (action.event, action.next_attempt_at) == (event, due)
    assert action.error.startswith("not committed: ")
    if reason is not None:
        assert f"{reason:04X}" in action.error


def test_no_failure_reason_of_the_standard_is_without_a_rule() -> None:
    """Each Failure Reason of PS3.3 C.14.1.1 has its row."""
    assert set(FAILURE_RULES) == set(FailureReason)


def test_backoff_doubles_spreads_and_ends_at_six_hours() -> None:
    """30 s, 60 s ... 6 h, with up to a fifth more, never beyond the cap."""
    assert [backoff_s(n, lambda: 0.0) for n in (0, 1, 2)] == [30, 60, 120]
    assert backoff_s(0, lambda: 0.5) == 33
    assert backoff_s(10**6, lambda: 0.999) == 6 * H

"""What follows from each failure, as tables of facts and decisions."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from echonode.delivery.retry import (
    Backoff,
    after_damage,
    after_no_association,
    after_refused_contexts,
    after_response,
    after_silence,
)
from echonode.delivery.status_table import StatusTable
from echonode.errors import (
    AssociationLost,
    AssociationRejected,
    ContextNotAccepted,
    Damaged,
    NetworkError,
    PeerUnreachable,
)
from echonode.model.delivery import DeliveryEvent
from tests.support.clock import START

E = DeliveryEvent
BACKOFF = Backoff()


@pytest.mark.parametrize(
    ("status", "failures", "pauses", "event", "delay_s", "pause_s", "alarm"),
    [
        (0x0000, 0, 0, E.STORED, None, 0, False),
        (0xB000, 0, 0, E.STORED, None, 0, False),
        (0xB007, 3, 3, E.STORED, None, 0, False),
        (0x0111, 0, 0, E.STORED, None, 0, False),
        (0xA700, 0, 0, E.RETRY, 30, 30, False),
        (0xA700, 9, 1, E.RETRY, 60, 60, False),
        (0xA700, 0, 6, E.RETRY, 1920, 1920, False),
        (0xA700, 0, 7, E.RETRY, 3600, 3600, False),
        (0xA700, 0, 10**6, E.RETRY, 3600, 3600, False),
        (0x0124, 0, 0, E.RETRY, 30, 30, True),
        (0x0110, 0, 0, E.RETRY, 30, 0, False),
        (0x0110, 4, 0, E.RETRY, 480, 0, False),
        (0x0110, 5, 0, E.HOLD, None, 0, True),
        (0xC211, 0, 0, E.RETRY, 3600, 0, False),
        (0xC211, 1, 0, E.RETRY, 23 * 3600, 0, False),
        (0xC211, 2, 0, E.HOLD, None, 0, True),
        (0x0122, 0, 0, E.HOLD, None, 0, True),
        (0xA900, 0, 0, E.HOLD, None, 0, True),
        (0xFFFF, 0, 0, E.RETRY, 30, 0, False),
        (0xFFFF, 100, 0, E.RETRY, 3600, 0, False),
    ],
)
def test_an_answer_leads_to_its_decision(
    status: int,
    failures: int,
    pauses: int,
    event: DeliveryEvent,
    delay_s: float | None,
    pause_s: float,
    alarm: bool,
) -> None:
    """Each status is retried as often and as late as the rules say, then held."""
    decision = after_response(
        StatusTable().verdict(status),
        failures_before=failures,
        pauses_before=pauses,
        now=START,
        random=lambda: 0.0,
        backoff=BACKOFF,
    )
    due = None if delay_s is None else START + timedelta(seconds=delay_s)
    assert (decision.event, decision.next_attempt_at) == (event, due)
    assert (decision.pause_s, decision.alarm) == (pause_s, alarm)
    assert decision.reason


@pytest.mark.parametrize(
    ("failures", "losses", "delay_s", "pause_s", "alarm"),
    [
        (0, 0, 1, 1, False),  # as prompt as the destination's own return
        (0, 2, 5, 5, False),
        (1, 0, 30, 1, False),  # from here on the instance itself is suspect
        (2, 0, 60, 1, False),
        (4, 0, 240, 1, True),
        (5, 0, 480, 1, False),
        (50, 0, 3600, 1, False),
    ],
)
def test_no_answer_is_never_given_up(
    failures: int, losses: int, delay_s: float, pause_s: float, alarm: bool
) -> None:
    """An instance that may have been stored is sent again without a limit, later each time."""
    decision = after_silence(
        AssociationLost("reset"),
        failures_before=failures,
        losses_before=losses,
        now=START,
        random=lambda: 0.0,
        backoff=BACKOFF,
    )
    assert decision.event is DeliveryEvent.RETRY
    assert decision.next_attempt_at == START + timedelta(seconds=delay_s)
    assert (decision.pause_s, decision.alarm) == (pause_s, alarm)


def rejected(result: int) -> AssociationRejected:
    return AssociationRejected("no", result=result, source=1, reason=7)


@pytest.mark.parametrize(
    ("error", "failures", "pause_s", "alarm"),
    [
        (PeerUnreachable("refused"), 0, 1, False),
        (PeerUnreachable("refused"), 1, 2, False),
        (PeerUnreachable("refused"), 13, 5, False),
        (PeerUnreachable("refused"), 14, 10, False),
        (PeerUnreachable("refused"), 10**6, 60, False),
        (AssociationLost("aborted"), 0, 1, False),
        (rejected(2), 0, 2, False),
        (rejected(2), 99, 60, False),
        (rejected(1), 0, 30, True),
        (rejected(1), 99, 60, True),
    ],
)
def test_a_destination_that_gives_no_association_is_left_alone(
    error: NetworkError, failures: int, pause_s: float, alarm: bool
) -> None:
    """How long depends on what it said: down and busy are probed, a rejection rings."""
    pause = after_no_association(
        error, failures_before=failures, random=lambda: 0.0, backoff=BACKOFF
    )
    assert (pause.pause_s, pause.alarm) == (pause_s, alarm)


def test_an_archive_that_is_back_is_met_within_seconds() -> None:
    """Whenever in its first minute an archive appears, the next probe is 6 s away at most."""
    at, probes = 0.0, [0.0]
    for failures in range(40):
        at += after_no_association(
            PeerUnreachable("refused"),
            failures_before=failures,
            random=lambda: 0.999,
            backoff=BACKOFF,
        ).pause_s
        probes.append(at)
    gaps = [b - a for a, b in pairwise(probes) if a < 60]
    assert max(gaps) <= 6


def test_jitter_spreads_and_never_exceeds_the_cap() -> None:
    """Nodes stopped by one outage do not come back in one instant, nor later than the cap."""
    assert BACKOFF.doubling(0, lambda: 0.0) == 30
    assert BACKOFF.doubling(0, lambda: 0.5) == 33
    assert BACKOFF.doubling(7, lambda: 0.999) == 3600


def test_what_nobody_can_repair_by_waiting_is_held_with_its_reason() -> None:
    """No accepted context, and damaged bytes, go to a person at once."""
    for decision in (
        after_refused_contexts(ContextNotAccepted("none fits")),
        after_damage(Damaged("changed")),
    ):
        assert decision.event is DeliveryEvent.HOLD
        assert decision.alarm
        assert "none fits" in decision.reason or "changed" in decision.reason

"""A caller that guesses AE titles is put off, for longer each time."""

from __future__ import annotations

from echonode.dimse.association.refusal_backoff import (
    CAPACITY,
    FREE,
    LONGEST_S,
    QUIET_S,
    TRUST_S,
    RefusalBackoff,
)

GUESSER = "10.9.9.9"


def refused(backoff: RefusalBackoff, times: int, *, now: float = 0.0) -> None:
    for _ in range(times):
        backoff.note(GUESSER, now=now)


def test_the_first_refusals_cost_nothing() -> None:
    """A device that is being set up tries a few times."""
    backoff = RefusalBackoff()
    refused(backoff, FREE)
    assert not backoff.is_paused(GUESSER, now=0.0)


def test_each_further_one_doubles_the_pause_up_to_the_longest() -> None:
    """1, 2, 4 ... seconds, and never more than the longest: a call within them is put off."""
    backoff, now = RefusalBackoff(), 0.0
    refused(backoff, FREE)
    for pause in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_S, LONGEST_S):
        refused(backoff, 1, now=now)
        assert backoff.is_paused(GUESSER, now=now + pause - 0.1)
        now += pause
        assert not backoff.is_paused(GUESSER, now=now)


def test_it_is_the_address_that_is_put_off() -> None:
    """Its neighbour is not."""
    backoff = RefusalBackoff()
    refused(backoff, FREE + 5)
    assert backoff.is_paused(GUESSER, now=1.0)
    assert not backoff.is_paused("10.9.9.8", now=1.0)


def test_a_quiet_time_is_a_new_beginning() -> None:
    """The device was corrected, or the address is another machine's now."""
    backoff = RefusalBackoff()
    refused(backoff, FREE + 5)
    refused(backoff, 1, now=QUIET_S + 1)
    assert not backoff.is_paused(GUESSER, now=QUIET_S + 1)


def test_where_a_peer_was_recognised_nobody_is_put_off() -> None:
    """Behind a shared address guesses do not keep the peer there out; for a day."""
    backoff = RefusalBackoff()
    backoff.trust(GUESSER, now=0.0)
    refused(backoff, FREE + 20, now=10.0)
    assert not backoff.is_paused(GUESSER, now=10.0)
    refused(backoff, FREE + 20, now=TRUST_S)
    assert backoff.is_paused(GUESSER, now=TRUST_S)


def test_many_addresses_take_no_memory() -> None:
    """Beyond the capacity the one refused longest ago is forgotten."""
    backoff = RefusalBackoff()
    refused(backoff, FREE + 5)
    for number in range(CAPACITY):
        backoff.note(str(number), now=0.0)
    assert not backoff.is_paused(GUESSER, now=0.0)

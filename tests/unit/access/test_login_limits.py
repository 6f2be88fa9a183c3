"""Tries are limited by address and by name, and the memory of them is bounded."""

from __future__ import annotations

import pytest

from echonode.access.login_limits import MOST, LoginLimits


def tries(limits: LoginLimits, address: str, name: str, now: float = 0.0) -> int:
    """How many may be made at once."""
    count = 0
    while not limits.wait_s(address, name, now):
        count += 1
    return count


def test_an_address_has_ten_tries_and_then_one_every_20_s() -> None:
    """Whatever the names."""
    limits = LoginLimits()
    for n in range(10):
        assert not limits.wait_s("10.0.0.1", f"user{n}", 0.0)
    wait = limits.wait_s("10.0.0.1", "another", 0.0)
    assert 0 < wait <= 20
    assert not limits.wait_s("10.0.0.1", "another", wait)
    assert limits.wait_s("10.0.0.1", "another", wait)


def test_a_name_has_tries_left_when_one_address_has_none() -> None:
    """Who guesses at one place does not keep the user out at another."""
    limits = LoginLimits()
    assert tries(limits, "10.0.0.1", "ada") == 10
    assert tries(limits, "10.0.0.2", "ada") == 10
    assert limits.wait_s("10.0.0.3", "ada", 0.0) > 0, "20 tries of one name"
    assert limits.wait_s("10.0.0.3", "ada", 10.0) == 0


def test_who_logs_in_loses_no_try() -> None:
    """A clinic behind one address logs in all morning."""
    limits = LoginLimits()
    for _ in range(100):
        assert not limits.wait_s("10.0.0.1", "ada", 0.0)
        limits.succeeded("10.0.0.1", "ada")


def test_an_ipv6_subscriber_counts_as_one() -> None:
    """Of the 2^64 addresses that it has."""
    limits = LoginLimits()
    assert sum(not limits.wait_s(f"2001:db8::{n:x}", f"user{n}", 0.0) for n in range(50)) == 10
    assert not limits.wait_s("2001:db8:1::1", "ada", 0.0)
    assert tries(limits, "::ffff:10.0.0.9", "bob") == 10
    assert limits.wait_s("10.0.0.9", "eve", 0.0) > 0, "an IPv4 address, written as IPv6"


@pytest.mark.slow
def test_a_flood_of_names_and_addresses_takes_bounded_memory() -> None:
    """The oldest are forgotten."""
    limits = LoginLimits()
    for n in range(3 * MOST):
        limits.wait_s(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"user{n}", 0.0)
    assert limits.remembered <= 2 * MOST
    limits.wait_s("not an address" * 100, "x", 0.0)


def test_a_clock_that_stands_still_gives_nothing_back() -> None:
    """Nor one that goes back."""
    limits = LoginLimits()
    assert tries(limits, "10.0.0.1", "ada", 100.0) == 10
    assert limits.wait_s("10.0.0.1", "ada", 50.0) > 0

"""How many callers fit into the descriptors, the rest of the node served first."""

from __future__ import annotations

import pytest

from echonode.node.process_limits import (
    FEWEST_ASSOCIATIONS,
    FEWEST_CONNECTIONS,
    FOR_ASSOCIATION,
    FOR_DESTINATION,
    FOR_PROBE,
    FOR_PROCESS,
    FOR_SENDING,
    FOR_STORE,
    caller_limits,
)

USUAL = {"connections": 600, "associations": 200}


@pytest.mark.parametrize("descriptors", [2_048, 4_096, 65_536, 2**62])
def test_with_enough_of_them_nobody_is_turned_away(descriptors: int) -> None:
    """600 connections and 200 associations, with three archives and four probes."""
    fit = caller_limits(descriptors, **USUAL, destinations=3, sending=24, probes=4, web=64)
    assert (fit.connections, fit.associations) == (600, 200)


@pytest.mark.parametrize("descriptors", range(300, 2_000, 50))
def test_callers_leave_what_the_rest_needs(descriptors: int) -> None:
    """Whatever they do: all associated and storing, or silent as far as they may be."""
    fit = caller_limits(descriptors, **USUAL, destinations=1, sending=8, probes=1, web=64)
    rest = FOR_PROCESS + FOR_STORE + FOR_DESTINATION + 8 * FOR_SENDING + FOR_PROBE + 64
    silent = fit.connections - fit.associations
    assert silent + FOR_ASSOCIATION * fit.associations + rest <= max(descriptors, rest + 28)


def test_1024_descriptors_are_enough_for_a_department() -> None:
    """The usual limit of a shell: fewer callers, and still more than any department has."""
    fit = caller_limits(1_024, **USUAL, destinations=1, sending=8, probes=1, web=64)
    assert fit.connections > 400
    assert fit.associations > 80


@pytest.mark.parametrize("descriptors", [0, 60, 200])
def test_however_few_there_are_somebody_is_served(descriptors: int) -> None:
    """A limit that is too small is the operator's to raise; the node serves what it can."""
    fit = caller_limits(descriptors, **USUAL)
    assert fit.connections >= FEWEST_CONNECTIONS
    assert fit.associations >= FEWEST_ASSOCIATIONS

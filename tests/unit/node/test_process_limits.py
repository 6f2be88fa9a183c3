"""How many callers fit into the descriptors, the rest of the node served first."""

from __future__ import annotations

import ctypes
import resource

import pytest

from echonode.commands.malloc import give_back_freed_memory
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
    forbid_core_dumps,
    raise_descriptor_limit,
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


class Limits:
    """A kernel's limit of descriptors. most: what it takes at most, whatever its hard limit is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, hard: int, most: int) -> None:
        self.soft = 256

        def set_limit(_: int, limits: tuple[int, int]) -> None:
            if limits[0] > most or limits[0] == resource.RLIM_INFINITY:
                raise ValueError("current limit exceeds maximum limit")
            self.soft = limits[0]

        monkeypatch.setattr(resource, "getrlimit", lambda _: (self.soft, hard))
        monkeypatch.setattr(resource, "setrlimit", set_limit)


@pytest.mark.parametrize(
    ("hard", "most", "raised"),
    [
        (4096, 4096, 4096),
        (resource.RLIM_INFINITY, 10240, 10240),  # macOS
        (resource.RLIM_INFINITY, 100, 256),  # it takes nothing: what is there stays
    ],
)
def test_the_limit_is_raised_as_far_as_the_system_lets_us(
    monkeypatch: pytest.MonkeyPatch, hard: int, most: int, raised: int
) -> None:
    """To the hard limit, or to what macOS takes instead of a hard limit without end."""
    kernel = Limits(monkeypatch, hard=hard, most=most)
    assert raise_descriptor_limit() == raised == kernel.soft


def test_a_limit_that_is_high_enough_is_not_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was set before us."""
    kernel = Limits(monkeypatch, hard=resource.RLIM_INFINITY, most=10240)
    kernel.soft = 50_000
    assert raise_descriptor_limit() == 50_000


def test_what_only_linux_and_glibc_have_is_left_out_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither prctl nor mallopt: the node starts without them."""
    core: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: core.append(limits))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    forbid_core_dumps()
    give_back_freed_memory()
    assert core == [(0, 0)]

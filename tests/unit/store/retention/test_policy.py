"""When a local copy may go: every case of proof, and time on a clock that cannot be set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from echonode.store.retention.policy import (
    LONGEST_STEP_S,
    DestinationProof,
    RetentionPolicy,
    observed_step,
    why_kept,
)

DAY_S = 86_400
POLICY = RetentionPolicy(
    keep_s=7 * DAY_S,
    destinations={
        "pacs": CommitmentPolicy.REQUIRED,
        "old": CommitmentPolicy.VERIFY,
        "viewer": CommitmentPolicy.NONE,
    },
)
S = DeliveryState


def holding(
    destination: str,
    state: DeliveryState,
    *,
    kept: bool = False,
    lossy: bool = False,
    anonymised: bool = False,
    seen: int | None = 0,
) -> DestinationProof:
    proved = state in (S.COMMITTED, S.VERIFIED)
    return DestinationProof(
        destination=destination,
        state=state,
        keep_local_copy=kept,
        lossy_copy=lossy,
        anonymised_copy=anonymised,
        proof_seen_s=seen if proved else None,
    )


def kept(*holdings: DestinationProof, observed_s: int = 8 * DAY_S) -> str:
    return why_kept(holdings, POLICY, observed_s=observed_s)


@pytest.mark.parametrize(
    ("state", "destination", "goes"),
    [
        *((state, "pacs", state is S.COMMITTED) for state in S),
        *((state, "old", state in (S.COMMITTED, S.VERIFIED)) for state in S),
        # One that left the configuration still has to have given its proof.
        *((state, "gone", state in (S.COMMITTED, S.VERIFIED)) for state in S),
    ],
)
def test_only_the_proof_that_was_asked_for_counts(
    state: DeliveryState, destination: str, goes: bool
) -> None:
    """required wants a commitment, verify that it was found; nothing else lets go."""
    assert (kept(holding(destination, state)) == "") is goes


@pytest.mark.parametrize("state", [state for state in S if state not in (S.COMMITTED, S.VERIFIED)])
def test_the_proof_of_one_does_not_stand_for_one_that_left_the_configuration(
    state: DeliveryState,
) -> None:
    """It was addressed to both: what left, and only said that it received it, must still prove."""
    assert "gone does not hold it" in kept(holding("pacs", S.COMMITTED), holding("gone", state))
    assert kept(holding("pacs", S.COMMITTED), holding("gone", S.COMMITTED)) == ""


def test_one_nobody_was_asked_to_keep_stays() -> None:
    """Received from a peer, or captured without a destination: no archive has it."""
    assert "no archive" in kept()


@pytest.mark.parametrize("state", list(S))
def test_a_destination_without_proof_never_lets_go_by_itself(state: DeliveryState) -> None:
    """Policy none: its word that it received the instance is not a promise."""
    if state not in (S.COMMITTED, S.VERIFIED):
        assert kept(holding("viewer", state))


@pytest.mark.parametrize("state", [S.QUEUED, S.SENDING, S.HELD])
def test_what_is_still_to_be_sent_somewhere_stays(state: DeliveryState) -> None:
    """Also to a destination that proves nothing."""
    assert "viewer" in kept(holding("pacs", S.COMMITTED), holding("viewer", state))
    assert kept(holding("pacs", S.COMMITTED), holding("viewer", S.SENT)) == ""


@pytest.mark.parametrize("state", [s for s in S if s not in (S.COMMITTED, S.VERIFIED)])
def test_every_destination_must_hold_it(state: DeliveryState) -> None:
    """Two archives, one commits, the other not: kept without a limit."""
    for_ever = 10**9
    assert "old" in kept(holding("pacs", S.COMMITTED), holding("old", state), observed_s=for_ever)


def test_a_warning_keeps_it_until_a_person_clears_it() -> None:
    """B006 and B007: the archive's copy is not the whole of ours."""
    assert "warning" in kept(holding("pacs", S.COMMITTED, kept=True), observed_s=10**9)


@pytest.mark.parametrize(
    ("state", "destination"), [(S.COMMITTED, "pacs"), (S.VERIFIED, "old"), (S.COMMITTED, "gone")]
)
def test_a_lossy_copy_keeps_the_original(state: DeliveryState, destination: str) -> None:
    """However long, and also when the destination has left the configuration with its profile."""
    reason = kept(holding(destination, state, lossy=True), observed_s=10**9)
    assert "only a lossy copy" in reason


def test_a_lossy_copy_is_enough_where_the_profile_says_so() -> None:
    """For that destination and no other; the grace period counts as ever."""
    policy = replace(POLICY, lossy_is_enough=frozenset({"pacs"}))
    copy = holding("pacs", S.COMMITTED, lossy=True)
    assert why_kept([copy], policy, observed_s=7 * DAY_S - 1)
    assert why_kept([copy], policy, observed_s=7 * DAY_S) == ""
    others = [copy, holding("old", S.VERIFIED, lossy=True)]
    assert "old" in why_kept(others, policy, observed_s=10**9)


def test_a_lossy_copy_where_nothing_is_proved_stands_in_nobodys_way() -> None:
    """A destination of policy none need not hold it; its copy proves nothing and keeps nothing."""
    assert kept(holding("pacs", S.COMMITTED), holding("viewer", S.SENT, lossy=True)) == ""
    assert kept(holding("viewer", S.SENT, lossy=True))


def test_an_anonymised_copy_must_be_proved_and_proves_nothing_of_the_original() -> None:
    """Another archive must keep the original, and the copy must be where it is to be."""
    copy = holding("pacs", S.COMMITTED, anonymised=True)
    assert "only anonymised copies" in kept(copy)
    assert kept(copy, holding("old", S.VERIFIED)) == ""
    assert "pacs" in kept(holding("pacs", S.HELD, anonymised=True), holding("old", S.VERIFIED))


def test_the_grace_period_runs_from_the_last_proof() -> None:
    """Seven days after the last archive's commitment was seen, and not a second before."""
    both = (holding("pacs", S.COMMITTED, seen=0), holding("old", S.VERIFIED, seen=DAY_S))
    assert kept(*both, observed_s=8 * DAY_S - 1)
    assert kept(*both, observed_s=8 * DAY_S) == ""


def test_a_proof_that_was_not_seen_yet_does_not_count() -> None:
    """The period cannot have passed when it has not begun."""
    assert "grace" in kept(holding("pacs", S.COMMITTED, seen=None), observed_s=10**9)


@pytest.mark.parametrize(
    ("elapsed_s", "counted_s"),
    [
        (0, 0),
        (59.5, 59.5),
        (120, 120),
        (121, LONGEST_STEP_S),
        (365 * DAY_S, LONGEST_STEP_S),
        (-5, 0),
    ],
)
def test_no_step_of_the_clock_is_longer_than_a_look(elapsed_s: float, counted_s: float) -> None:
    """A machine that slept for a year has not watched for a year."""
    assert observed_step(elapsed_s) == counted_s

"""When an instance may be deleted here: a pure decision on what is proved of it, and since when.

Rules
- Every destination that an instance was addressed to must hold it: `required` needs `committed`,
  `verify` needs `verified` (or committed), and `none` reaches only `sent`, which proves nothing and
  allows no deletion by itself. At least one proof must exist; an instance without a destination
  (received from a peer, or captured without one) stays.
- A destination that was removed from the configuration still counts: its proof must exist.
- B006 and B007: the archive's copy is not all of ours. Ours stays until a person clears it.
- A lossy copy that was sent instead of the instance is not the instance: its proof does not allow
  deletion of the original, unless that destination's profile says that the copy is enough.
- An anonymised copy is not the instance either: a destination that gets one must hold it, and its
  proof alone allows no deletion. Another destination must have proved that it keeps the instance.
- Then the grace period. It is counted on the *observed clock*: seconds that this node has itself
  seen pass on its monotonic clock while it ran, added up in the database, one bounded step at a
  time (`observed_step`). The wall clock is not used: set forward by a year it would delete early,
  and set back it would keep without end. Time in which the node did not run does not count: a node
  that is switched off at night keeps longer, never shorter.
- The period begins when retention first *sees* the proof, which is never before the proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy

# Retention runs every LOOK_EVERY_S; a step longer than twice that is not a reliable measure
# (the machine slept, or its clocks were changed) and counts as that.
LOOK_EVERY_S = 60.0
LONGEST_STEP_S = 2 * LOOK_EVERY_S

_S = DeliveryState
PROOFS = frozenset({_S.COMMITTED, _S.VERIFIED})
ENOUGH: Mapping[CommitmentPolicy, frozenset[DeliveryState]] = {
    CommitmentPolicy.REQUIRED: frozenset({_S.COMMITTED}),
    CommitmentPolicy.VERIFY: PROOFS,
    CommitmentPolicy.NONE: PROOFS | {_S.SENT},
}


@dataclass(frozen=True, kw_only=True)
class DestinationProof:
    """The proof of one destination for an instance.

    lossy_copy: the destination has a copy derived with loss; anonymised_copy: one without the
    patient. proof_seen_s: on the observed clock,
    None while retention has seen no proof.
    """

    destination: str
    state: DeliveryState
    keep_local_copy: bool = False
    lossy_copy: bool = False
    anonymised_copy: bool = False
    proof_seen_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """keep_s: the grace period. destinations: those configured, each with its policy.

    lossy_is_enough: those whose profile allows the original to be deleted for a lossy copy.
    """

    keep_s: float
    destinations: Mapping[str, CommitmentPolicy]
    lossy_is_enough: frozenset[str] = frozenset()


def why_kept(
    holdings: Sequence[DestinationProof], policy: RetentionPolicy, *, observed_s: int
) -> str:
    """Why the local copy stays, in words; '' when it may be deleted.

    observed_s: the observed clock now.
    """
    proved = [holding for holding in holdings if holding.state in PROOFS]
    if not proved:
        return "no archive has committed to keep it"
    if all(holding.anonymised_copy for holding in proved):
        return "archives hold only anonymised copies of it"
    for holding in holdings:
        # A destination that is no longer configured must have given proof before.
        enough = ENOUGH.get(
            policy.destinations.get(holding.destination, CommitmentPolicy.VERIFY), PROOFS
        )
        if holding.state not in enough:
            return f"{holding.destination} does not hold it: {holding.state}"
        if holding.keep_local_copy:
            return f"{holding.destination} stored it with a warning; release it to let it go"
        is_proved = holding.state in PROOFS
        if is_proved and holding.lossy_copy and holding.destination not in policy.lossy_is_enough:
            return f"{holding.destination} holds only a lossy copy of it"
    seen = [holding.proof_seen_s for holding in proved]
    if any(at is None or observed_s - at < policy.keep_s for at in seen):
        return "its grace period has not passed"
    return ""


def observed_step(elapsed_s: float) -> float:
    """The seconds of a monotonic interval between two runs that count."""
    return min(max(0.0, elapsed_s), LONGEST_STEP_S)

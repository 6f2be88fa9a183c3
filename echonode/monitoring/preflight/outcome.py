"""The result of a preflight: the steps of each peer, as values and for JSON. No patient data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """One proof, done or failed.

    name: tcp, tls, echo, contexts, worklist, store, commitment or verification; authorised of a
    DICOMweb server; of the HL7 port, listen; of object storage, answer or keep; of encryption at
    rest, key, opens and key_change. ok: None where it could not be tried because an
    earlier step failed. detail: what was found. remedy: what to do about a failure, '' where there
    is none. contexts: of the step of that name, each pair proposed.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""
    milliseconds: int = 0
    contexts: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PeerOutcome:
    """One peer; `purpose` says what it is used for."""

    peer: str
    ae_title: str
    address: str
    purpose: str
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a peer that we never call has nothing to fail."""
        return all(step.ok for step in self.steps)


def as_json(outcomes: Sequence[PeerOutcome]) -> dict[str, object]:
    """The whole outcome; `ok` only where every peer is."""
    return {
        "ok": all(outcome.ok for outcome in outcomes),
        "peers": [{"ok": outcome.ok, **asdict(outcome)} for outcome in outcomes],
    }

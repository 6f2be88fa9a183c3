"""What a receiver says of a result that it was sent (HL7 v2.5.1 2.9). Pure.

Rules
- AA and CA accept. AE and CE say that it could not be taken just now, AR and CR that such a message
  is not taken: each is tried again MOST_REFUSALS times, for a RIS that starts up refuses as well.
- An answer to another control ID is no answer: the next one is read. Of an answer only MSA-1 and
  MSA-2 are looked at: receivers leave out much of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

MOST_REFUSALS = 5


class Judgement(Enum):
    """What follows."""

    ACCEPTED = auto()
    REFUSED = auto()
    OTHER = auto()  # it answers another message, or nothing


@dataclass(frozen=True, kw_only=True)
class Answer:
    """code: MSA-1; ''. reason: what the receiver says is wrong, its segment and field alone."""

    judgement: Judgement
    code: str = ""
    reason: str = ""


def judged(data: bytes, control_id: str) -> Answer:
    """An acknowledgement's bytes, without their block."""
    head, *segments = data.decode("latin-1").replace("\n", "\r").split("\r")
    if not head.startswith("MSH") or len(head) < 4:
        return Answer(judgement=Judgement.OTHER)
    fields = next((s.split(head[3]) for s in segments if s.startswith(f"MSA{head[3]}")), [])
    if len(fields) < 3 or fields[2].strip() != control_id:
        return Answer(judgement=Judgement.OTHER)
    code = fields[1].strip()
    if code in ("AA", "CA"):
        return Answer(judgement=Judgement.ACCEPTED, code=code)
    known = code if code in ("AE", "AR", "CE", "CR") else "an unknown code"
    return Answer(
        judgement=Judgement.REFUSED, code=code[:2], reason=f"the receiver answered {known}"
    )

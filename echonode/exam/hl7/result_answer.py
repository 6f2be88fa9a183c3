"""What a receiver says of a result that it was sent (HL7 v2.5.1 2.9). Pure.

Rules
- AA and CA accept. AE and CE say that it could not be taken just now, AR and CR that such a message
  is not taken: each is tried again MOST_REFUSALS times, for a RIS that starts up refuses as well.
- An answer to another control ID is no answer: the next one is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from echonode.errors import Hl7Refused
from echonode.exam.hl7.message import read_message

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
    try:
        message = read_message(data, default_character_set="8859/1")
    except Hl7Refused:
        return Answer(judgement=Judgement.OTHER)
    msa = next((each for each in message.segments if each.name == "MSA"), None)
    if msa is None or msa.text(2) != control_id:
        return Answer(judgement=Judgement.OTHER)
    code = msa.text(1)
    if code in ("AA", "CA"):
        return Answer(judgement=Judgement.ACCEPTED, code=code)
    return Answer(
        judgement=Judgement.REFUSED, code=code[:2], reason=f"the receiver answered {code[:2]}"
    )

"""What a sender is answered (HL7 v2.5.1 2.9 and 2.15).

Rules
- Original mode, MSH-15 and MSH-16 both empty: AA once the effect is durable; AE where the content
  is refused, or nothing could be made durable just now; AR where such a message is not taken.
- Enhanced mode, one of them valued: MSH-15 asks for a commit acknowledgement (CA, CE, CR), MSH-16
  for an application acknowledgement (AA, AE, AR), each always, on error, on success or never. Who
  asks for both gets both, in this order; who asks for neither gets none.
- ERR names segment and field: by ERR-2 to ERR-8 from version 2.5 on, by ERR-1 before (2.15.5).
- MSH-3 to MSH-6 are the message's own, exchanged; the control ID is derived from its own, so that
  the same message again is answered by the same bytes. No other value of the message is repeated.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from echonode.errors import Hl7Refused
from echonode.exam.hl7.message import Message, Segment
from echonode.exam.hl7.mllp import block

# Table 0155: whether an acknowledgement is wanted, of success and of failure.
_WANTED = {"AL": (True, True), "NE": (False, False), "ER": (False, True), "SU": (True, False)}
_ERROR_TEXTS = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    205: "Duplicate key identifier",
    207: "Application internal error",
}
_FIRST_WITH_ERR_2 = (2, 5)
_VERSION = re.compile(r"(\d{1,2})\.(\d{1,2})(\.\d{1,2})?")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a message. fault: None where its effect is durable."""

    fault: Hl7Refused | None = None

    @property
    def code(self) -> str:
        """MSA-1 of an application acknowledgement."""
        if self.fault is None:
            return "AA"
        return "AR" if self.fault.reject else "AE"


@dataclass(frozen=True)
class _Head:
    """What an answer repeats of the message's MSH, as text between its own separators."""

    field: str
    encoding: str
    ours: str
    theirs: str
    kind: str
    control_id: str
    processing_id: str
    version: str
    character_set: str
    accept: str
    application: str


def acknowledgements(head: Message | None, verdict: Verdict, now: datetime) -> bytes:
    """The blocks to send back; b"" where the sender wants none. now: aware.

    head: of read_head; None of a message whose head cannot be read, which is answered by MSH and
    MSA without a control ID.
    """
    of = _read(head)
    failed = verdict.fault is not None
    if not of.accept and not of.application:
        return block(_answer(of, verdict, verdict.code, now))
    answers = []
    for wanted, codes in (
        (of.accept, {"AA": "CA", "AE": "CE", "AR": "CR"}),
        (of.application, {}),
    ):
        if _WANTED.get(wanted, (False, False))[failed]:
            code = codes.get(verdict.code, verdict.code)
            answers.append(block(_answer(of, verdict, code, now)))
    return b"".join(answers)


def _read(head: Message | None) -> _Head:
    if head is None:
        return _Head("|", "^~\\&", "|", "|", "", "", "P", "2.5.1", "", "", "")
    msh, bar = head.msh, head.separators.field
    version = msh.text(12)
    return _Head(
        field=bar,
        encoding=head.separators.encoding_characters,
        ours=f"{_field(head, 5)}{bar}{_field(head, 6)}",
        theirs=f"{_field(head, 3)}{bar}{_field(head, 4)}",
        kind=msh.text(9, 2)[:3] if msh.text(9, 2).isalnum() else "",
        control_id=_field(head, 10),
        processing_id=msh.text(11) if msh.text(11) in ("P", "T", "D") else "P",
        version=version if _VERSION.fullmatch(version) else "2.5.1",
        character_set=_field(head, 18),
        accept=msh.text(15),
        application=msh.text(16),
    )


def _field(head: Message, number: int) -> str:
    """A field as it came, with its components, so far as it is printable ASCII."""
    return _whole(head.msh, number, head.separators.component, head.separators.subcomponent)


def _whole(msh: Segment, number: int, component: str, subcomponent: str) -> str:
    parts = [
        subcomponent.join(msh.raw(number, 1, index, sub) for sub in range(1, 5)).rstrip(
            subcomponent
        )
        for index in range(1, min(msh.components(number), 8) + 1)
    ]
    text = component.join(parts).rstrip(component)
    return "".join(letter for letter in text if letter.isascii() and letter.isprintable())[:250]


def _answer(of: _Head, verdict: Verdict, code: str, now: datetime) -> bytes:
    bar, component = of.field, of.encoding[0]
    kind = f"ACK{component}{of.kind}{component}ACK" if of.kind else "ACK"
    ours = hashlib.sha256(f"{of.theirs}{bar}{of.control_id}{bar}{code}".encode()).hexdigest()[:20]
    msh = bar.join(
        [
            *("MSH", of.encoding, of.ours, of.theirs, now.strftime("%Y%m%d%H%M%S%z"), "", kind),
            *(ours, of.processing_id, of.version, "", "", "", "", "", of.character_set),
        ]
    ).rstrip(bar)
    segments = [msh, bar.join(["MSA", code, of.control_id])]
    if verdict.fault is not None:
        segments.append(_error(of, verdict.fault))
    return ("\r".join(segments) + "\r").encode("ascii", errors="replace")


def _error(of: _Head, fault: Hl7Refused) -> str:
    bar, component, subcomponent = of.field, of.encoding[0], of.encoding[3]
    text = _ERROR_TEXTS[fault.code]
    place = [fault.segment, str(fault.sequence)]
    if fault.field:
        place.append(str(fault.field))
    found = _VERSION.fullmatch(of.version)
    if found and (int(found[1]), int(found[2])) < _FIRST_WITH_ERR_2:
        place += [""] * (3 - len(place))
        coded = subcomponent.join([str(fault.code), text, "HL70357"])
        return bar.join(["ERR", component.join([*place, coded])])
    if fault.field and fault.component:
        place += ["1", str(fault.component)]
    coded = component.join([str(fault.code), text, "HL70357"])
    said = "".join(" " if letter in bar + of.encoding else letter for letter in str(fault))
    return bar.join(["ERR", "", component.join(place), coded, "E", "", "", "", said])

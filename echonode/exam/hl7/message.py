"""One HL7 v2 message: its segments, read within bounds, and what its fields say.

Rules
- MSH comes first and says how the rest is read: separators (MSH-1, MSH-2) and characters (MSH-18).
- Only the segments that the mapping knows are parsed; others are counted and passed over, so a
  hostile segment costs nothing. The python-hl7 library cuts a segment up; it makes an object of
  some 450 bytes at each separator, so separators are counted before.
- Escape sequences are resolved here and not by the library: it repeats text as often as a sequence
  says, and logs the fields that it cannot read.
- `""` (HL7's null) says that a value is empty; an empty field says nothing. `said` tells which.
- Segment names and positions are counted from 1, as an ERR segment counts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hl7

from echonode.errors import Hl7Refused
from echonode.model.hl7_character_sets import ASCII, codec_of, decoded

# Table 0357.
SEGMENT_SEQUENCE_ERROR = 100
REQUIRED_FIELD_MISSING = 101
DATA_TYPE_ERROR = 102
TABLE_VALUE_NOT_FOUND = 103
UNSUPPORTED_MESSAGE_TYPE = 200
UNSUPPORTED_EVENT_CODE = 201
UNSUPPORTED_PROCESSING_ID = 202
UNSUPPORTED_VERSION_ID = 203
DUPLICATE_KEY = 205
APPLICATION_ERROR = 207

# An order of a whole department's day in one message has some hundred.
MOST_SEGMENTS = 5_000
# Of those that are parsed: an order takes about 150 for each procedure.
MOST_SEPARATORS = 20_000

# The segments that a mapping looks at; all others are passed over.
READ = frozenset(
    {"MSH", "EVN", "PID", "MRG", "PV1", "ORC", "TQ1", "OBR", "IPC", "ZDS", "NTE", "DG1", "OBX"}
    | {"MSA"}  # of an answer to a result of ours
)

_NULL = '""'
_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_HEAD = re.compile(rb"MSH([\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e])([\x21-\x7e]{4,5})\1", re.DOTALL)
_LINE_ENDS = re.compile(rb"[\r\n]+")
_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2}){1,64})")


@dataclass(frozen=True)
class Separators:
    """MSH-1 and MSH-2."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str

    @property
    def encoding_characters(self) -> str:
        """MSH-2, without the truncation character of 2.7."""
        return self.component + self.repetition + self.escape + self.subcomponent


@dataclass(frozen=True)
class Segment:
    """One segment. sequence: which one of its name it is in the message, from 1."""

    name: str
    sequence: int
    _fields: Any  # of the library: lists of lists, str at the leaves
    _separators: Separators
    _codec: str

    def raw(
        self, field: int, repetition: int = 1, component: int = 1, subcomponent: int = 1
    ) -> str:
        """The text as it stands in the message, escape sequences included."""
        value: Any = self._fields[field] if field < len(self._fields) else ""
        for index in (repetition, component, subcomponent):
            if isinstance(value, str):
                value = value if index == 1 else ""
            else:
                value = value[index - 1] if index <= len(value) else ""
        return value if isinstance(value, str) else str(value)

    def said(
        self, field: int, component: int = 1, *, repetition: int = 1, subcomponent: int = 1
    ) -> str | None:
        """The text; '' where the sender says that it is empty, None where it says nothing."""
        text = self.raw(field, repetition, component, subcomponent).strip(" ")
        if not text:
            return None
        if text == _NULL or (component > 1 and self.raw(field, repetition).strip(" ") == _NULL):
            return ""
        return self._unescaped(text)

    def text(
        self, field: int, component: int = 1, *, repetition: int = 1, subcomponent: int = 1
    ) -> str:
        """The text; '' where it is empty or nothing is said."""
        said = self.said(field, component, repetition=repetition, subcomponent=subcomponent)
        return said or ""

    def has(self, field: int) -> bool:
        """Whether anything is said of a field."""
        return any(
            self.raw(field, repetition, component).strip(" ")
            for repetition in self.repetitions(field)
            for component in range(1, self.components(field, repetition) + 1)
        )

    def repetitions(self, field: int) -> range:
        """The numbers of a field's repetitions, from 1; none of a field that is not there."""
        value: Any = self._fields[field] if field < len(self._fields) else ""
        count = len(value) if not isinstance(value, str) else 1
        return range(1, count + 1)

    def components(self, field: int, repetition: int = 1) -> int:
        """How many components a repetition has."""
        value: Any = self._fields[field] if field < len(self._fields) else ""
        if not isinstance(value, str):
            value = value[repetition - 1] if repetition <= len(value) else ""
        return len(value) if not isinstance(value, str) else 1

    def fault(
        self, problem: str, field: int, component: int = 0, *, code: int = DATA_TYPE_ERROR
    ) -> Hl7Refused:
        """The refusal of a value here. problem: quotes no value."""
        return Hl7Refused(
            f"{self.name}-{field} {problem}",
            code=code,
            segment=self.name,
            sequence=self.sequence,
            field=field,
            component=component,
        )

    def _unescaped(self, text: str) -> str:
        """HL7 v2.5.1 2.7: separators and bytes; formatting is a space, what is unknown nothing."""
        escape, parts = self._separators.escape, text.split(self._separators.escape)
        if len(parts) == 1:
            return text
        if len(parts) % 2 == 0:  # an escape character without its partner stands for itself
            parts[-2:] = [f"{parts[-2]}{escape}{parts[-1]}"]
        return "".join(
            self._resolved(part) if index % 2 else part for index, part in enumerate(parts)
        )

    def _resolved(self, sequence: str) -> str:
        separators = self._separators
        known = {
            "F": separators.field,
            "S": separators.component,
            "T": separators.subcomponent,
            "R": separators.repetition,
            "E": separators.escape,
        }
        if sequence in known:
            return known[sequence]
        if found := _HEX.fullmatch(sequence):
            raw = bytes.fromhex(found[1])
            return raw.decode(self._codec, errors="replace")
        return " " if sequence.startswith(".") else ""


@dataclass(frozen=True)
class Message:
    """A message whose head is sound. segments: those that are read, in their order."""

    segments: tuple[Segment, ...]
    separators: Separators
    codec: str

    @property
    def msh(self) -> Segment:
        return self.segments[0]

    @property
    def type(self) -> str:
        """MSH-9.1, such as ADT."""
        return self.msh.text(9, 1)

    @property
    def event(self) -> str:
        """MSH-9.2, such as A04."""
        return self.msh.text(9, 2)

    def of(self, name: str) -> Iterator[Segment]:
        """The segments of a name."""
        return (segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        """The first segment of a name."""
        return next(self.of(name), None)

    def required(self, name: str) -> Segment:
        """The first segment of a name. Raises Hl7Refused where there is none."""
        segment = self.first(name)
        if segment is None:
            raise Hl7Refused(
                f"the segment {name} is missing", code=SEGMENT_SEQUENCE_ERROR, segment=name
            )
        return segment


def read_head(data: bytes) -> Message:
    """The message of MSH alone: who sent it and how it is acknowledged. Raises Hl7Refused.

    It is read as ASCII; what is beyond it in MSH is replaced.
    """
    found = _HEAD.match(data)
    if found is None or len(set(found[1] + found[2])) != 1 + len(found[2]):
        raise Hl7Refused(
            "the message does not begin with MSH and its separators",
            code=SEGMENT_SEQUENCE_ERROR,
            reject=True,
        )
    characters = found[2].decode("ascii")
    separators = Separators(found[1].decode("ascii"), *characters[:4])
    line = _LINE_ENDS.split(data, maxsplit=1)[0].decode("ascii", errors="replace")
    _check_separators(separators, [line])
    msh = _segment(line, 1, separators, "ascii")
    return Message(segments=(msh,), separators=separators, codec="ascii")


def read_message(data: bytes, *, default_character_set: str = ASCII) -> Message:
    """The whole message. Raises Hl7Refused.

    default_character_set: of table 0211, what an empty MSH-18 means.
    """
    head = read_head(data)
    codec = _codec(head.msh, default_character_set)
    raw = [line for line in _LINE_ENDS.split(data) if line]
    if len(raw) > MOST_SEGMENTS:
        raise Hl7Refused(f"the message has over {MOST_SEGMENTS:,} segments", code=DATA_TYPE_ERROR)
    lines: list[tuple[str, int, str]] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(raw):
        name = line[:3].decode("ascii", errors="replace")
        if not _SEGMENT_NAME.fullmatch(name) or (line[3:4] not in (b"", data[3:4])):
            raise Hl7Refused(
                f"line {number + 1} is no segment", code=SEGMENT_SEQUENCE_ERROR, segment="MSH"
            )
        counts[name] = counts.get(name, 0) + 1
        if name not in READ:
            continue
        if name == "MSH" and number:
            raise Hl7Refused("a second MSH: batches are not taken", code=SEGMENT_SEQUENCE_ERROR)
        lines.append((name, counts[name], _text(line, name, counts[name], codec)))
    _check_separators(head.separators, [text for _, _, text in lines])
    segments = tuple(
        _segment(text, sequence, head.separators, codec) for _, sequence, text in lines
    )
    return Message(segments=segments, separators=head.separators, codec=codec)


def _codec(msh: Segment, default: str) -> str:
    codec = codec_of([msh.raw(18, number) for number in msh.repetitions(18)], default)
    if codec is None:
        raise msh.fault("names a character set that is not read", 18, code=TABLE_VALUE_NOT_FOUND)
    return codec


def _text(line: bytes, name: str, sequence: int, codec: str) -> str:
    try:
        text = decoded(line, codec)
    except UnicodeDecodeError:
        raise Hl7Refused(
            f"the bytes of {name} are not of the character set in MSH-18",
            code=DATA_TYPE_ERROR,
            segment=name,
            sequence=sequence,
        ) from None
    return text.replace("\0", "")


def _check_separators(separators: Separators, lines: list[str]) -> None:
    """Whether cutting up makes few enough objects. Raises Hl7Refused."""
    kinds = (separators.field, *separators.encoding_characters)
    if sum(line.count(kind) for line in lines for kind in kinds) > MOST_SEPARATORS:
        raise Hl7Refused(
            f"the message has over {MOST_SEPARATORS:,} separators", code=DATA_TYPE_ERROR
        )


def _segment(line: str, sequence: int, separators: Separators, codec: str) -> Segment:
    """One segment, cut up by the library, which reads any behind an MSH of its own."""
    if line.startswith("MSH"):
        # Its own MSH-2 is no field to be cut up; a fifth character is the truncation character.
        second = separators.encoding_characters
        rest = line[4:].partition(separators.field)[2]
        fields = hl7.parse(f"MSH{separators.field}{second}{separators.field}{rest}")[0]
    else:
        head = f"MSH{separators.field}{separators.encoding_characters}{separators.field}"
        # A last field of ours: the library strips white space from the end of what it is given.
        fields = list(hl7.parse(f"{head}\r{line}{separators.field}.")[1])[:-1]
    return Segment(line[:3], sequence, fields, separators, codec)

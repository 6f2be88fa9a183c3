"""The seal of a stored file: what its row says of it, in its File Meta Information. Pure.

Private Information Creator UID (0002,0100) names us, Private Information (0002,0102) has the
facts (PS3.10 7.1). With it a file without its row is the instance that was stored: its hash, who
sent it, when it was taken, its evidence, and where it was to go.

Rules
- It has a fixed length and is the last of the meta information: the dataset's hash is known only
  when its last byte has come, and the seal is then written in its place, before the file is made
  durable.
- It has a checksum of its own. A damaged seal is as none: the facts of a row are never guessed.
- No patient data: the dataset has that, and a seal must not outlive a change of it.
- It never leaves the node: what is sent gets meta information of its own (file_meta.encode).
- What does not fit is left out, evidence first; the hash always fits.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from echonode.errors import Damaged
from echonode.model.instance import Origin

CREATOR_UID = "2.25.144903617218463051287749120385560417293"
SEAL_BYTES = 1024  # a cine loop of ours with all of its evidence and two archives has some 750
_UID = CREATOR_UID.encode("ascii")
_CREATOR = _UID + bytes(len(_UID) % 2)
_BEFORE = (
    struct.pack("<HH2sH", 0x0002, 0x0100, b"UI", len(_CREATOR))
    + _CREATOR
    + struct.pack("<HH2sHI", 0x0002, 0x0102, b"OB", 0, SEAL_BYTES)
)
BLANK = _BEFORE + b" " * SEAL_BYTES
"""The two elements, while the facts are not known yet."""
_FORM = b"ECHONODE SEAL 1 "
_CHECKSUM_BYTES = 9  # with the blank behind it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class SealFacts:
    """What is known of an instance apart from its dataset.

    exam_id: of the exam that it was captured in; '' where it is of none. destinations: where it was
    queued to when it was stored. whole: whether evidence and destinations are all there were.
    """

    origin: Origin
    source_ae_title: str
    acquired_at: datetime | None
    stored_at: datetime
    evidence: Mapping[str, int | str]
    destinations: Sequence[str]
    exam_id: str = ""
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Seal:
    """The seal of a file: its dataset's SHA-256 (hex) and length in bytes, and its facts."""

    dataset_sha256: str
    dataset_length: int
    facts: SealFacts


def encoded(seal: Seal) -> bytes:
    """The value of (0002,0102): SEAL_BYTES bytes."""
    return encoded_as_fits(seal)[0]


def encoded_as_fits(seal: Seal) -> tuple[bytes, bool]:
    """The same, and whether all of its facts are in it."""
    facts = seal.facts
    values: dict[str, object] = {
        "sha256": seal.dataset_sha256,
        "length": seal.dataset_length,
        "origin": facts.origin.value,
        "ae": facts.source_ae_title,
        "acquired": _number(facts.acquired_at),
        "stored": _number(facts.stored_at),
        "exam": facts.exam_id,
    }
    more = {"to": list(facts.destinations), "evidence": dict(facts.evidence)}
    for kept in (("to", "evidence"), ("to",), ()):
        whole = facts.whole and len(kept) == len(more)
        chosen = {name: more[name] for name in kept} | {"whole": whole}
        text = json.dumps(values | chosen, separators=(",", ":")).encode("ascii")
        raw = _FORM + _checksum(text) + text
        if len(raw) <= SEAL_BYTES:
            return raw.ljust(SEAL_BYTES), whole
    raise ValueError("a seal without evidence and destinations is too long")


def has_seal(head: bytes) -> bool:
    """Whether a file has the elements of a seal, filled or not; head: all before its dataset."""
    at = len(head) - SEAL_BYTES
    return at >= len(_BEFORE) and head[at - len(_BEFORE) : at] == _BEFORE


def seal_in(head: bytes) -> Seal | None:
    """The seal of a file; head: all bytes before its dataset. None where it has none.

    Raises Damaged where its checksum is not that of its facts.
    """
    if not has_seal(head):
        return None
    raw = head[-SEAL_BYTES:]
    if not raw.strip(b" "):
        return None
    text = raw[len(_FORM) + _CHECKSUM_BYTES :].rstrip(b" ")
    if not raw.startswith(_FORM + _checksum(text)):
        raise Damaged("the seal of a file is not what was written")
    values = json.loads(text)
    return Seal(
        dataset_sha256=values["sha256"],
        dataset_length=values["length"],
        facts=SealFacts(
            origin=Origin(values["origin"]),
            source_ae_title=values["ae"],
            acquired_at=_time(values["acquired"]),
            stored_at=_EPOCH + values["stored"] * _MICROSECOND,
            exam_id=values["exam"],
            evidence=values.get("evidence", {}),
            destinations=tuple(values.get("to", ())),
            whole=values["whole"],
        ),
    )


def _checksum(text: bytes) -> bytes:
    return b"%08x " % zlib.crc32(text)


def _number(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def _time(number: int | None) -> datetime | None:
    return None if number is None else _EPOCH + number * _MICROSECOND

"""The chain of hashes: each record's hash covers the one before it. Pure.

A record that was changed, taken out or put in breaks the chain where that was done. What names a
patient is covered by a salted digest alone, so it can be erased and the chain still holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

GENESIS = bytes(32)
SALT_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of the trail."""

    seq: int
    at: datetime
    kind: str
    actor: str
    outcome: int
    content: str
    private: str
    salt: bytes
    private_digest: bytes
    hash: bytes

    @property
    def is_erased(self) -> bool:
        """Whether a patient was erased from it."""
        return not self.salt


@dataclass(frozen=True, kw_only=True)
class Link:
    """A place in the chain: a record's number and hash. seq 0 and GENESIS: before the first."""

    seq: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first record that is not what was written, and what is wrong with it."""

    seq: int
    reason: str


def private_digest(salt: bytes, private: str) -> bytes:
    """What the chain holds of a record's private part."""
    return hashlib.sha256(salt + private.encode()).digest()


def hash_of(previous: bytes, record: Record) -> bytes:
    """The hash of a record behind the one with hash `previous`; its own `hash` does not count."""
    said = json.dumps(
        [
            record.seq,
            record.at.astimezone(UTC).isoformat(timespec="microseconds"),
            record.kind,
            record.actor,
            record.outcome,
            record.content,
            record.private_digest.hex(),
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return hashlib.sha256(previous + said.encode()).digest()


def fault_of(record: Record, before: Link) -> str:
    """What is wrong with a record behind `before`; '' where nothing is."""
    if record.seq != before.seq + 1:
        missing = f"{before.seq + 1} to {record.seq - 1}"
        return f"records {missing} are missing" if record.seq > before.seq else "it is there twice"
    if not record.is_erased and private_digest(record.salt, record.private) != (
        record.private_digest
    ):
        return "the patient or query in it was changed"
    if record.is_erased and record.private:
        return "a patient was put into a record that had been erased"
    if hash_of(before.hash, record) != record.hash:
        return "it was changed, or another record was put in its place"
    return ""


def walk(records: Iterable[Record], start: Link) -> Iterator[tuple[Record, str]]:
    """Each record with its fault; the walk ends at the first that has one."""
    before = start
    for record in records:
        fault = fault_of(record, before)
        yield record, fault
        if fault:
            return
        before = Link(seq=record.seq, hash=record.hash)

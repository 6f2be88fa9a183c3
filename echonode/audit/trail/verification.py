"""Is the trail whole: from its first record here to the checkpoint, as it was written."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import sqlalchemy as sa

from echonode.audit.trail.chain import Broken, Link, walk
from echonode.audit.trail.checkpoint import as_text
from echonode.audit.trail.trail import PRUNED, pruned, stream


@dataclass(frozen=True, kw_only=True)
class Verified:
    """records: how many are here; erased: from how many a patient was erased. last: where the
    trail ends. broken: the first record that is not what was written.
    """

    records: int
    erased: int
    first: int
    last: Link
    broken: Broken | None = None

    def as_plain(self) -> dict[str, object]:
        """For JSON, as the command and the HTTP API give it."""
        broken = self.broken
        return {
            "records": self.records,
            "first": self.first,
            "last": self.last.seq,
            "checkpoint": as_text(self.last),
            "erased": self.erased,
            "whole": broken is None,
            "broken": {"seq": broken.seq, "reason": broken.reason} if broken else None,
        }


def verify(readers: sa.Engine, *, checkpoint: Link | None, anchor: Link | None = None) -> Verified:
    """Read every record. anchor: a place in the chain that is known from elsewhere (the log).

    Raises IndexDamaged.
    """
    start = pruned(readers)
    known = [link for link in (checkpoint, anchor) if link is not None and link.seq]
    count = erased = 0
    last, broken, admitted = start, None, not start.seq
    with closing(stream(readers)) as records:
        for record, fault in walk(records, start):
            if fault:
                broken = Broken(seq=record.seq, reason=fault)
                break
            last = Link(seq=record.seq, hash=record.hash)
            count, erased = count + 1, erased + record.is_erased
            admitted = admitted or f"{PRUNED}, up to {as_text(start)}" in record.content
            if any(link.seq == last.seq and link.hash != last.hash for link in known):
                broken = Broken(seq=last.seq, reason="its hash is not that of the checkpoint")
                break
    if broken is None:
        broken = _missing(last, known, start=start, admitted=admitted)
    return Verified(records=count, erased=erased, first=start.seq + 1, last=last, broken=broken)


def _missing(last: Link, known: list[Link], *, start: Link, admitted: bool) -> Broken | None:
    """What an unbroken walk cannot see: an end, or a beginning, that was cut off."""
    longest = max((link.seq for link in known), default=0)
    if longest > last.seq:
        return Broken(
            seq=last.seq + 1,
            reason=f"records {last.seq + 1} to {longest} were cut off at the end",
        )
    if not admitted:
        return Broken(seq=1, reason=f"records 1 to {start.seq} are missing, and none says so")
    return None

"""Reads a file without a row as the instance that it is (recovery.py says when it is adopted).

Its seal (files/seal.py) says what its row said. One without a seal, of an earlier EchoNode or with
a damaged one, is taken for what its dataset and its meta information show: when it was taken,
how its frames came, and where it was to go are then not known, and it goes where its kind goes now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from echonode.at_rest.reading import open_file
from echonode.errors import InvalidObject, OutOfSpace
from echonode.log import get_logger
from echonode.model.instance import Origin
from echonode.model.programs import kind_of
from echonode.store.files.disk import disk_errors
from echonode.store.files.file_meta import zero_preamble
from echonode.store.files.layout import Layout
from echonode.store.files.placing import readable
from echonode.store.files.seal import SealFacts
from echonode.store.index.dataset_header import StoredHead, read_stored_head
from echonode.store.index.instance_record import record_of
from echonode.store.index.writer import NewInstance

log = get_logger(__name__)

_ADOPTED = "adopted"  # in the evidence of what was taken in without a seal
_READINGS = 3  # of a file without a row: two with the same result, and one that the disk spoiled


@dataclass(frozen=True, kw_only=True)
class AdoptionPlan:
    """What to do with files without a row.

    adopt_to: the destinations that our own captures are queued to. forward_to: AE title -> the
    destinations that its files are queued to. on_adopted: called with the number adopted so far.
    """

    adopt_to: Sequence[str]
    forward_to: Mapping[str, Sequence[str]]
    on_adopted: Callable[[int], None]


class Orphans:
    """Reads files without a row."""

    def __init__(self, layout: Layout, now: Callable[[], datetime], plan: AdoptionPlan) -> None:
        self._layout = layout
        self._now = now
        self._adopt_to = tuple(plan.adopt_to)
        self._forward_to = plan.forward_to

    def read(self, file_id: str) -> NewInstance | None:
        """The instance in a file without a row; None where the disk does not return it now.

        Raises InvalidObject when two readings find the same fault.
        """
        found = ""
        for _ in range(_READINGS):
            try:
                return self._new_instance(file_id)
            except InvalidObject as error:
                earlier, found = found, f"{type(error).__name__}: {error}"
                if found == earlier:
                    raise
            except OutOfSpace:
                found = ""
        return None

    def _new_instance(self, file_id: str) -> NewInstance:
        """Raises InvalidObject, OutOfSpace when the disk fails."""
        path = readable(self._layout, file_id)
        cipher = self._layout.cipher
        with disk_errors("to read a file"):
            preamble = zero_preamble(path)
        head = read_stored_head(path, cipher)
        record = record_of(head.ds, head.transfer_syntax_uid)
        with disk_errors("to read a file"), open_file(path, cipher) as file:
            size, modified = file.size, path.stat().st_mtime
            file.seek(head.dataset_offset)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        stored_at = min(datetime.fromtimestamp(modified, UTC), self._now())
        length = size - head.dataset_offset
        facts = head.seal.facts if head.seal is not None else self._guessed(head, stored_at)
        is_whole = head.seal is None or (head.seal.dataset_sha256, head.seal.dataset_length) == (
            digest,
            length,
        )
        if preamble:
            kind = kind_of(preamble) or "other"
            facts = replace(facts, evidence={**facts.evidence, "preamble": f"zeroed: {kind}"})
            log.warning(
                "preamble_zeroed",
                sop_instance_uid=record.sop_instance_uid,
                ae_title=head.source_ae_title,
                kind=kind,
            )
        return NewInstance(
            record=record,
            file_id=file_id,
            size=size,
            dataset_offset=head.dataset_offset,
            # What was stored, whatever the disk made of it since.
            dataset_sha256=digest if head.seal is None else head.seal.dataset_sha256,
            damaged=not is_whole,
            origin=facts.origin,
            source_ae_title=facts.source_ae_title,
            acquired_at=facts.acquired_at,
            # Also its due time: a clock that was set back since must not delay it.
            stored_at=min(facts.stored_at, self._now()),
            evidence=facts.evidence,
            destinations=facts.destinations,
        )

    def _guessed(self, head: StoredHead, stored_at: datetime) -> SealFacts:
        """Of a file without a seal."""
        # Files from peers have their AE title in the meta information; our own captures have none.
        peer = head.source_ae_title
        return SealFacts(
            origin=Origin.RECEIVED if peer else Origin.CAPTURED,
            source_ae_title=peer,
            acquired_at=None,
            stored_at=stored_at,
            evidence={_ADOPTED: "file without a row"},
            destinations=tuple(self._forward_to.get(peer, ())) if peer else self._adopt_to,
        )


def has_seal(new: NewInstance) -> bool:
    """Whether what was read of a file is what its seal says."""
    return _ADOPTED not in new.evidence

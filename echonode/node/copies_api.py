"""Copies of what is stored, as the HTTP API has them; the same that `echonode export` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from echonode.copies.choosing import Wanted, choose
from echonode.copies.exporting import Codecs
from echonode.copies.media.medium import Medium
from echonode.copies.media.zip_file import zip_chunks
from echonode.store.store import Store
from echonode.web.copies import MediumZip


class NodeCopies:
    """web.copies.CopiesApi on a node."""

    def __init__(self, store: Store, codecs: Codecs, *, now: Callable[[], datetime]) -> None:
        self._store, self._codecs, self._now = store, codecs, now

    def medium(self, study_instance_uid: str) -> MediumZip:
        """Raises UsageError, OperatorRefused, StoreError."""
        chosen = choose(self._store.index, Wanted(studies=(study_instance_uid,)))
        now = self._now()
        medium = Medium(chosen.instances, codecs=self._codecs, now=now)
        return MediumZip(images=len(chosen.instances), chunks=zip_chunks(_pairs(medium), now=now))


def _pairs(medium: Medium) -> Iterator[tuple[str, Iterable[bytes]]]:
    return ((file.name, file.chunks) for file in medium.files())

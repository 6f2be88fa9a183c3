"""`echonode export --anonymise NAME`: the profile of that name, and the key of its pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echonode.at_rest.writing import Scratch
    from echonode.config import Config
    from echonode.copies.exporting import Prepare
    from echonode.store.index.reader import IndexReader


@contextmanager
def anonymising_as(
    name: str, settings: Config, index: IndexReader, scratch: Scratch, looked_at: bool
) -> Iterator[Prepare]:
    """What each instance passes through; without a name nothing is changed.

    looked_at: whether the person who asks has looked at all of them. Raises UsageError for a
    profile that there is not, OperatorRefused for a key that cannot be used, and OSError.
    """
    from echonode.copies.exporting import as_it_is

    if not name:
        yield as_it_is
        return
    from echonode.copies.deidentification.configured import anonymiser_named
    from echonode.copies.deidentification.preparing import anonymising
    from echonode.transcoding.reencoder import Reencoder

    def is_looked_at(uid: str) -> bool:
        return looked_at or index.is_looked_at(uid)

    reencoder = Reencoder(scratch)
    try:
        yield anonymising(
            anonymiser_named(name, settings, reencoder),
            scratch,
            is_made_here=index.is_made_here,
            is_looked_at=is_looked_at,
        )
    finally:
        reencoder.close()

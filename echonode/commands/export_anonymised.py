"""`echonode export --anonymise NAME`: the profile of that name, and the key of its pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from echonode.errors import FieldRefused, UsageError

if TYPE_CHECKING:
    from echonode.at_rest.writing import Scratch
    from echonode.config import Config
    from echonode.copies.deidentification.profile import Profile
    from echonode.copies.exporting import Prepare
    from echonode.store.index.reader import IndexReader


@contextmanager
def anonymising_as(
    name: str, settings: Config, index: IndexReader, scratch: Scratch, looked_at: bool
) -> Iterator[Prepare]:
    """What each instance passes through; without a name nothing is changed.

    Raises UsageError for a profile that there is not, OperatorRefused for a key that cannot be
    used, and OSError.
    """
    from echonode.copies.exporting import as_it_is

    if not name:
        yield as_it_is
        return
    from echonode.copies.deidentification.copying import Anonymiser
    from echonode.copies.deidentification.key_file import pseudonym_key
    from echonode.copies.deidentification.preparing import anonymising
    from echonode.copies.deidentification.pseudonyms import Pseudonyms
    from echonode.transcoding.reencoder import Reencoder

    profile = _profile(name, settings)
    reencoder = Reencoder(scratch)
    try:
        anonymiser = Anonymiser(
            profile,
            Pseudonyms(pseudonym_key(settings.data_dir)),
            explicit=reencoder.lossless,
            workers=reencoder.workers,
        )
        yield anonymising(anonymiser, scratch, is_made_here=index.is_made_here, looked_at=looked_at)
    finally:
        reencoder.close()


def demanded(format_: str, name: str, settings: Config) -> str:
    """The profile for a format: what the configuration demands of research copies, else `name`.

    Raises UsageError where another one was given.
    """
    from echonode.copies.formats import FORMATS

    demands = settings.research.anonymise
    if demands is None or format_ not in FORMATS or not FORMATS[format_].is_research:
        return name
    if name not in ("", demands):
        raise UsageError(f"research.anonymise demands the profile `{demands}` of such copies")
    return demands


def _profile(name: str, settings: Config) -> Profile:
    from echonode.copies.deidentification.profile import BASIC, Profile, profile_of

    if name == BASIC:
        return Profile()
    section = settings.anonymise.get(name)
    if section is None:
        known = ", ".join([BASIC, *settings.anonymise])
        raise UsageError(f"there is no profile `{name}` under `anonymise`: give one of {known}")
    try:
        return profile_of(
            name,
            section.options,
            keep=section.keep,
            keep_private=section.keep_private,
            keep_words=section.keep_words,
        )
    except FieldRefused as fault:
        raise UsageError(f"anonymise.{name}.{fault}") from None

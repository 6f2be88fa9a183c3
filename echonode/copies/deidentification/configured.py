"""The profiles of a configuration, and what makes copies by them.

Rules
- One key for a node: every copy of an instance has the same pseudonyms and UIDs, for every use.
- A profile that the configuration does not have is refused by name.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from echonode.config import Config
from echonode.copies.deidentification.copying import Anonymiser
from echonode.copies.deidentification.key_file import pseudonym_key
from echonode.copies.deidentification.profile import BASIC, Profile, profile_of
from echonode.copies.deidentification.pseudonyms import Pseudonyms
from echonode.errors import FieldRefused, OperatorRefused, UsageError
from echonode.store.files.layout import Layout
from echonode.transcoding.reencoder import Reencoder

# Where the database keeps which key its copies were made with: another one is refused.
KEY_NOTE = "pseudonyms key"
_OTHER_KEY = (
    "and earlier anonymised copies were made with a key: restore it from a backup, or copy it from "
    "the node that has it"
)


def profile_named(name: str, settings: Config) -> Profile:
    """`basic`, or a profile under `anonymise`. Raises UsageError."""
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


def anonymiser_named(name: str, settings: Config, reencoder: Reencoder) -> Anonymiser:
    """What makes copies by a profile; the key is made where there is none.

    Raises UsageError for a profile that there is not, OperatorRefused for a key that cannot be
    used, and OSError.
    """
    return Anonymiser(
        profile_named(name, settings),
        Pseudonyms(_key_of(settings)),
        explicit=reencoder.lossless,
        workers=reencoder.workers,
    )


def check_same_key(
    settings: Config, *, read: Callable[[str], str], write: Callable[[str, str], None]
) -> None:
    """Refuse a key that is not the one that earlier copies of this store were made with.

    Several nodes on one database have one key, or an instance would go under two UIDs. read, write:
    small durable texts (store.key_value). Raises OperatorRefused, OSError, StoreError.
    """
    known = read(KEY_NOTE)
    path = Layout(settings.data_dir).pseudonyms_key
    if known and not path.exists():
        raise OperatorRefused(f"{path.name} is not in data_dir, {_OTHER_KEY}")
    mark = hmac.digest(_key_of(settings), b"which key", "sha256").hex()[:16]
    if not known:
        write(KEY_NOTE, mark)
    elif known != mark:
        raise OperatorRefused(f"{path.name} in data_dir is another key, {_OTHER_KEY}")


def _key_of(settings: Config) -> bytes:
    return pseudonym_key(Layout(settings.data_dir, cipher=settings.encryption.cipher))

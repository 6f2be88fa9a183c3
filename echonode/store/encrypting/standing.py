"""How far the encryption of a store is: under which master key, and what still lies there in plain.

It looks at the head of `database.key`, which a change of keys writes last, and at the databases in
the folder. Single files are looked at by the scrub, as it reads them (recovery/scrub.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from echonode.at_rest.reading import head_of_file
from echonode.store.encrypting.databases import is_plain
from echonode.store.encrypting.places import left_in_plain
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Standing:
    """sealed_under: ids of the master keys that open the store; more than one within a change.

    plain: databases in plain that the node has no use for, below data_dir: a person removes them.
    """

    sealed_under: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()


def standing_of(layout: Layout) -> Standing:
    """Of an encrypted store. Raises OutOfSpace where the disk does not say."""
    with disk_errors("to read the database's key"):
        try:
            head = head_of_file(layout.database_key)
        except (FileNotFoundError, ValueError):  # files/database_key.py says what to do then
            head = None
    return Standing(
        sealed_under=tuple(head.key_ids) if head else (),
        plain=tuple(
            str(path.relative_to(layout.data_dir))
            for path in left_in_plain(layout)
            if path.suffix == ".sqlite" and is_plain(path)
        ),
    )

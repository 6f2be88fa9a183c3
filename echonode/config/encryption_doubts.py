"""Whether the keys of the configuration are there, and are those of the store: as far as one sees.

Only doubts: the check may run as another user, or on another machine, than the node. A program that
gives a key is not run for it, since it may ask a person; `echonode preflight` runs it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from echonode.at_rest.file_cipher import FileCipher
from echonode.config.schema import Config
from echonode.errors import ConfigError, ConfigFault, OutOfSpace, UsageError
from echonode.store.encrypting.standing import standing_of
from echonode.store.files.database_key import with_keys
from echonode.store.files.layout import Layout

_KEY = "encryption.key"
_EARLIER = "encryption.earlier_keys"


def encryption_doubts(config: Config) -> Iterator[ConfigFault]:
    """What would keep the node from its store, and a change of keys that is not at its end."""
    if config.index.server_url or config.objects_at() is not None:
        return  # a key is a fault there (checks.py)
    section = config.encryption
    if section.asks_a_program:
        yield from _programs(config)
        return
    try:
        cipher = section.cipher
        layout = opened(config, cipher)
        if cipher is not None:
            yield from change_of_keys(config, layout, cipher)
    except ConfigError as refused:
        yield from refused.faults
    except OutOfSpace:
        return  # folder_doubts says what the disk does not give


def opened(config: Config, cipher: FileCipher | None) -> Layout:
    """The store's paths, with what opens it; nothing is made.

    Raises ConfigError for a store of other keys, and one that is not encrypted yet; OutOfSpace.
    """
    try:
        return with_keys(Layout(config.data_dir.absolute()), cipher)
    except UsageError as refused:
        problem, _, remedy = str(refused).rpartition(": ")
        fault = ConfigFault(path=_KEY, problem=problem, remedy=f"First {remedy}.")
        raise ConfigError([fault]) from None


def change_of_keys(config: Config, layout: Layout, cipher: FileCipher) -> Iterator[ConfigFault]:
    """Where it is neither before its beginning nor after its end. Raises OutOfSpace."""
    under = standing_of(layout).sealed_under
    others = [key_id for key_id in under if key_id != cipher.current.id]
    if others:
        yield ConfigFault(
            path=_EARLIER,
            problem=f"the store is still sealed under the master key {', '.join(others)}",
            remedy="Run `echonode encrypt --rotate`; the node may run meanwhile.",
        )
    elif under and config.encryption.earlier_keys:
        yield ConfigFault(
            path=_EARLIER,
            problem="no file is sealed under an earlier key any more",
            remedy="Take them out, and restart the node.",
        )


def _programs(config: Config) -> Iterator[ConfigFault]:
    section = config.encryption
    keys = [(_KEY, section.key)]
    keys += [(f"{_EARLIER}[{index}]", key) for index, key in enumerate(section.earlier_keys)]
    for path, key in keys:
        if key is not None and key.command and shutil.which(key.command[0]) is None:
            yield ConfigFault(
                path=f"{path}.command",
                problem=f"there is no program `{key.command[0]}` here",
                remedy="Install it, or give its path.",
            )

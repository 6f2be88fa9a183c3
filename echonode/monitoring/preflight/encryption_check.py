"""Encryption at rest: whether the next start gets its keys, and how far the store is encrypted."""

from __future__ import annotations

from echonode.at_rest.file_cipher import FileCipher
from echonode.config import Config
from echonode.config.encryption_doubts import change_of_keys, opened
from echonode.errors import ConfigError, OutOfSpace
from echonode.monitoring.preflight.outcome import PeerOutcome, Step

NAME = "encryption"


def check_encryption(config: Config) -> PeerOutcome | None:
    """The keys, as a start reads them, and what they open; None where no key is configured."""
    if config.encryption.key is None:
        return None
    key, cipher = _key(config)
    steps = [key, *_store(config, cipher)]
    return PeerOutcome(
        peer=NAME,
        ae_title="encryption at rest",
        address=str(config.data_dir.absolute()),
        purpose="files, index and audit trail",
        steps=tuple(steps),
    )


def _key(config: Config) -> tuple[Step, FileCipher | None]:
    try:
        cipher = config.encryption.read()
    except ConfigError as refused:
        [fault] = refused.faults[:1]
        detail = f"{fault.path}: {fault.problem}"
        return Step(name="key", ok=False, detail=detail, remedy=fault.remedy), None
    assert cipher is not None  # there is a key
    return Step(name="key", ok=True, detail=f"the master key is {cipher.current.id}"), cipher


def _store(config: Config, cipher: FileCipher | None) -> list[Step]:
    """What the keys open."""
    if cipher is None:
        return [Step(name="opens", ok=None, detail="not tried: there is no key")]
    try:
        layout = opened(config, cipher)
        changing = list(change_of_keys(config, layout, cipher))
    except ConfigError as refused:
        [fault] = refused.faults[:1]
        return [Step(name="opens", ok=False, detail=fault.problem, remedy=fault.remedy)]
    except OutOfSpace as error:
        remedy = "Let this user read data_dir."
        return [Step(name="opens", ok=False, detail=str(error), remedy=remedy)]
    said = "it opens the store" if layout.database_secret else "a new store will be made with it"
    return [
        Step(name="opens", ok=True, detail=said),
        *(
            Step(name="key_change", ok=False, detail=fault.problem, remedy=fault.remedy)
            for fault in changing
        ),
    ]

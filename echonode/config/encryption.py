"""The section `encryption`: whether what lies in data_dir is sealed, and under which master key."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import Annotated

from pydantic import Field, model_validator

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.file_format import MasterKey
from echonode.at_rest.key_sources import KeySource, KeyUnusable
from echonode.config.fields import Allowed, FilePath, Section
from echonode.config.secret_files import is_open_to_others
from echonode.errors import ConfigError, ConfigFault

CredentialName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"),
    Allowed("the name of a credential of the service"),
]
_OTHERS = "Make it readable by the node's user alone: chmod 600."
SQLCIPHER = "sqlcipher3"


class MasterKeySection(Section):
    """Where a master key is read, at each start: one of the three. A key is 64 hexadecimal digits:
    `openssl rand -hex 32` makes one."""

    file: FilePath | None = None
    """A file that only the node's user can read. Example: /etc/echonode/master.key"""
    credential: CredentialName | None = None
    """A credential that systemd gives the service (LoadCredential=, or LoadCredentialEncrypted=,
    which the TPM of the machine can seal). Example: echonode-master-key"""
    command: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    """A program and its arguments, without a shell; it writes the key to its standard output.
    Example: [systemd-creds, decrypt, /etc/echonode/master.cred, "-"]"""

    @model_validator(mode="after")
    def _one(self) -> MasterKeySection:
        given = [self.file is not None, self.credential is not None, bool(self.command)]
        if sum(given) != 1:
            raise ValueError("give one of `file`, `credential` and `command`")
        return self

    def key(self, path: str) -> MasterKey:
        """Read it. path: of this section. Raises ConfigError."""
        source = self._source
        try:
            place = source.path
            key = source.key()
            if place is not None and is_open_to_others(place):
                raise KeyUnusable(f"other users of this machine can read {place}", _OTHERS)
        except KeyUnusable as fault:
            raise ConfigError(
                [ConfigFault(path=path, problem=fault.problem, remedy=fault.remedy)]
            ) from None
        return key

    @property
    def _source(self) -> KeySource:
        return KeySource(
            file=self.file, credential=self.credential or "", command=tuple(self.command)
        )


class Encryption(Section):
    """Encryption of what the node keeps in data_dir. docs/encryption.md says what it covers, and
    when an encrypted disk is the better answer."""

    key: MasterKeySection | None = None
    """The master key. With it images, scratch files, scan lines, the index and the audit trail are
    encrypted; without it nothing is. `echonode encrypt` encrypts a store that exists. Needs the
    packages of the extra `encryption`. Example: {file: /etc/echonode/master.key}"""
    earlier_keys: tuple[MasterKeySection, ...] = ()
    """Keys that files may still be sealed under, until `echonode encrypt --rotate` has given all of
    them the present one. Example: [{file: /etc/echonode/master-2025.key}]"""

    @cached_property
    def cipher(self) -> FileCipher | None:
        """The keys, read once; None where nothing is encrypted. Raises ConfigError."""
        return self.read()

    @property
    def asks_a_program(self) -> bool:
        """Whether a key is what a command says: to read it may ask a person or a server."""
        return any(each.command for each in (self.key, *self.earlier_keys) if each is not None)

    def problem_of_next_start(self) -> str:
        """Why it would not get the key that is in use; '' where it would, or a program gives it."""
        if self.cipher is None or self.asks_a_program:
            return ""
        try:
            found = self.read()
        except ConfigError as refused:
            return refused.faults[0].problem
        if found is None or found.current.id != self.cipher.current.id:
            return "`encryption.key` is another key than the node was started with"
        return ""

    def read(self) -> FileCipher | None:
        """The keys as they are now. As `cipher`."""
        if self.key is None:
            return None
        if find_spec(SQLCIPHER) is None:
            raise ConfigError([extra_missing()])
        return FileCipher(
            self.key.key("encryption.key"),
            [
                each.key(f"encryption.earlier_keys[{index}]")
                for index, each in enumerate(self.earlier_keys)
            ],
        )


def extra_missing() -> ConfigFault:
    """The index cannot be encrypted with what is installed."""
    return ConfigFault(
        path="encryption.key",
        problem=f"needs SQLCipher (the package {SQLCIPHER}), which is not installed",
        remedy="Install EchoNode with the extra `encryption`: pip install 'echonode[encryption]'.",
    )

"""Where a master key comes from: a file, a credential of systemd, or the output of a command.

Rules
- A key is 64 hexadecimal digits (`openssl rand -hex 32`), with white space around them or none.
- What is read is never quoted, in no error and no log.
- A command is a list of words, without a shell; it gets COMMAND_S seconds.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from echonode.at_rest.file_format import KEY_BYTES, MasterKey

COMMAND_S = (
    30  # a token or a key server that a person must unlock takes longer, and is asked before
)
_HEX = re.compile(rb"[0-9A-Fa-f]{%d}" % (2 * KEY_BYTES))
_LONGEST = 4096  # bytes
_SAID = 200  # characters of what a command said
CREDENTIALS = "CREDENTIALS_DIRECTORY"


class KeyUnusable(Exception):
    """There is no usable key at a place. problem, remedy: as in ConfigFault."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem, self.remedy = problem, remedy


@dataclass(frozen=True, kw_only=True)
class KeySource:
    """One of the three is given. credential: its name in $CREDENTIALS_DIRECTORY."""

    file: Path | None = None
    credential: str = ""
    command: tuple[str, ...] = ()

    @property
    def path(self) -> Path | None:
        """The file that is read; None for a command. Raises KeyUnusable."""
        if self.file is not None:
            return self.file
        if not self.credential:
            return None
        folder = os.environ.get(CREDENTIALS, "")
        if not folder:
            raise KeyUnusable(
                f"the credential {self.credential} is not there: ${CREDENTIALS} is not set",
                "Start the node by systemd, with LoadCredential= or LoadCredentialEncrypted=.",
            )
        return Path(folder) / self.credential

    def key(self) -> MasterKey:
        """Read it. Raises KeyUnusable."""
        path = self.path
        return _parsed(_output(self.command) if path is None else _content(path))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST)
    except OSError as error:
        raise KeyUnusable(
            f"the key file {path} cannot be read ({error.strerror})",
            "Give this user a file with the key. A key that is lost cannot be made again: "
            "docs/encryption.md says what is left then.",
        ) from None


def _output(command: tuple[str, ...]) -> bytes:
    remedy = f"Run `{' '.join(command)}` as this user; it writes the key and ends with status 0."
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_S,
            check=False,
        )
    except OSError as error:
        raise KeyUnusable(f"the key command cannot be run ({error.strerror})", remedy) from None
    except subprocess.TimeoutExpired:
        raise KeyUnusable(f"the key command took over {COMMAND_S} s", remedy) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-_SAID:]
        raise KeyUnusable(
            f"the key command ended with status {done.returncode}" + (f" ({said})" if said else ""),
            remedy,
        )
    return done.stdout[:_LONGEST]


def _parsed(content: bytes) -> MasterKey:
    text = content.strip()
    if not _HEX.fullmatch(text):
        raise KeyUnusable(
            f"what is there is no key: a key is {2 * KEY_BYTES} hexadecimal digits",
            "Make one with `openssl rand -hex 32`.",
        )
    return MasterKey(bytes.fromhex(text.decode("ascii")))

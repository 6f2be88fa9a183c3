"""What is installed at run time and under which licence: the lock, and each package's metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
EXTRAS_LOCK = LOCK.with_name("requirements-extras.lock")  # the same, and what the extras bring

# Classifiers and free texts as the SPDX expression that they mean.
_SPDX = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "BSD license": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-3.0-or-later",
}
# What is locked and is not installed on every system or Python: by the projects' own files.
_ELSEWHERE = {"colorama": "BSD-3-Clause", "highdicom": "MIT", "pyjpegls": "MIT"}
# What says nothing in its metadata: its licence file, and those of SQLCipher and OpenSSL within it.
_UNSAID = {"sqlcipher3": "Zlib AND BSD-3-Clause AND Apache-2.0"}


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """licence: an SPDX expression; '' where none could be found."""

    name: str
    version: str
    licence: str


def locked(lock: Path = LOCK) -> Iterator[tuple[str, str]]:
    """(name, version) of each package of a lock."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line)
        if found:
            yield found[1], found[2]


def dependencies(lock: Path = LOCK) -> list[Dependency]:
    """All of them, by name. They must be installed (`make install`; the extras' by `make unit`)."""
    return [
        Dependency(name=name, version=version, licence=licence_of(name))
        for name, version in sorted(locked(lock))
    ]


def licence_of(name: str) -> str:
    """The licence of an installed package."""
    if name in _UNSAID:
        return _UNSAID[name]
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return _ELSEWHERE.get(name, "")
    if "License-Expression" in said:
        return said["License-Expression"]
    classified = [
        text.rpartition(" :: ")[2]
        for text in said.get_all("Classifier") or ()
        if text.startswith("License :: ")
    ]
    free = "".join(said.get_all("License") or ()).partition(" (")[0].strip()
    for text in (*classified, free):
        if text in _SPDX:
            return _SPDX[text]
    return free if re.fullmatch(r"[A-Za-z0-9.\-]+( (AND|OR) [A-Za-z0-9.\-]+)*", free) else ""


def licences() -> str:
    """A table: a row a package; behind them those that only an extra installs."""
    always = dependencies()
    by_extra = [each for each in dependencies(EXTRAS_LOCK) if each not in always]
    rows = [
        f"| {each.name} | {each.version} | {each.licence} | {when} |"
        for when, found in (("always", always), ("by an extra", by_extra))
        for each in found
    ]
    return "\n".join(["| package | version | licence | installed |", "|---|---|---|---|", *rows])

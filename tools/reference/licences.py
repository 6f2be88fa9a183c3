"""What is installed at run time and under which licence: the lock, and each package's metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"

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


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """licence: an SPDX expression; '' where none could be found."""

    name: str
    version: str
    licence: str


def locked() -> Iterator[tuple[str, str]]:
    """(name, version) of each package of requirements.lock."""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line)
        if found:
            yield found[1], found[2]


def dependencies() -> list[Dependency]:
    """All of them, by name. They must be installed (`make install`)."""
    return [
        Dependency(name=name, version=version, licence=licence_of(name))
        for name, version in sorted(locked())
    ]


def licence_of(name: str) -> str:
    """The licence of an installed package."""
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
    """A table: a row a package."""
    rows = [f"| {each.name} | {each.version} | {each.licence} |" for each in dependencies()]
    return "\n".join(["| package | version | licence |", "|---|---|---|", *rows])

"""`make advisories`: known vulnerabilities of what is locked, asked of the package index.

Each version's page of the index has the advisories of the Python Packaging Advisory Database
(OSV). Exit status: 0 none is known, 1 some are, 3 the data is not available, which is said and
is no verdict.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.reference.licences import locked  # run as a file, from the checkout

# The index's JSON interface; a mirror that has it may take its place.
INDEX = os.environ.get("ECHONODE_ADVISORY_INDEX", "https://pypi.org/pypi").rstrip("/")
_TIMEOUT_S = 20.0

Fetch = Callable[[str], dict[str, Any]]


def fetch(url: str) -> dict[str, Any]:
    """One answer of the index. Raises OSError, ValueError."""
    if not url.startswith("https://"):
        raise ValueError("the index is asked over https only")
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # https, above
        found = json.load(answer)
    if not isinstance(found, dict):
        raise TypeError("not the index's answer")
    return found


def check(packages: Iterable[tuple[str, str]], ask: Fetch = fetch) -> tuple[list[str], str]:
    """(a line for each advisory, why the data is not available or '')."""
    lines: list[str] = []
    for name, version in packages:
        try:
            found = ask(f"{INDEX}/{name}/{version}/json")
        except (OSError, ValueError, TypeError) as error:
            return lines, f"{name} {version}: {type(error).__name__}"
        if "vulnerabilities" not in found:
            return lines, f"{name} {version}: the index gives no advisories"
        for each in found["vulnerabilities"]:
            if not each.get("withdrawn"):
                known_as = ", ".join([str(each.get("id", "?")), *each.get("aliases", ())])
                fixed = ", ".join(each.get("fixed_in", ())) or "no release yet"
                lines.append(f"{name} {version}: {known_as}; fixed in {fixed}")
    return lines, ""


def main() -> int:
    """Returns the exit status."""
    packages = list(locked())
    lines, missing = check(packages)
    for line in lines:
        print(line)
    if missing:
        print(f"The advisories are not available ({missing}). Nothing is known of the rest.")
        return 3
    print(f"{len(packages)} packages, {len(lines)} advisories.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

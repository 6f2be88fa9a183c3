"""`make advisories`: known vulnerabilities of what is locked, asked of the package index.

Each version's page of the index has the advisories of the Python Packaging Advisory Database
(OSV). Exit status: 0 none is known that reaches us, 1 some are, 3 the data is not available, which
is said and is no verdict: the target passes then.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.reference.licences import EXTRAS_LOCK, LOCK, locked  # run as a file, from the checkout

# The index's JSON interface; a mirror that has it may take its place.
INDEX = os.environ.get("ECHONODE_ADVISORY_INDEX", "https://pypi.org/pypi").rstrip("/")
_TIMEOUT_S = 20.0

Fetch = Callable[[str], dict[str, Any]]
FOUND, NOT_AVAILABLE = 1, 3
# An identifier of an advisory -> why it does not reach what is used here. It goes with the fix.
ACCEPTED: Mapping[str, str] = {}


@dataclass(kw_only=True)
class Advisories:
    """lines: one for each. unanswered: packages of which nothing is known, and why."""

    lines: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    asked: int = 0
    reach_us: int = 0

    @property
    def status(self) -> int:
        """The exit status."""
        if self.reach_us:
            return FOUND
        return NOT_AVAILABLE if self.unanswered else 0


def fetch(url: str) -> dict[str, Any]:
    """One answer of the index. Raises OSError, ValueError."""
    if not url.startswith("https://"):
        raise ValueError("the index is asked over https only")
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # https, above
        found = json.load(answer)
    if not isinstance(found, dict):
        raise TypeError("not the index's answer")
    return found


def check(
    packages: Iterable[tuple[str, str]],
    ask: Fetch = fetch,
    accepted: Mapping[str, str] = ACCEPTED,
) -> Advisories:
    """What the index knows of each. Where it does not answer for the first, no other is asked."""
    found = Advisories()
    for name, version in packages:
        try:
            told = ask(f"{INDEX}/{name}/{version}/json")
            advisories = told["vulnerabilities"]
        except urllib.error.HTTPError as error:
            why = f"HTTP {error.code}"
        except (OSError, ValueError, TypeError) as error:
            why = type(error).__name__
        except KeyError:
            why = "the index gives no advisories"
        else:
            found.asked += 1
            _add(found, f"{name} {version}", advisories, accepted)
            continue
        found.unanswered.append(f"{name} {version}: {why}")
        if not found.asked:
            break
    return found


def _add(
    found: Advisories, package: str, advisories: list[dict[str, Any]], accepted: Mapping[str, str]
) -> None:
    for each in advisories:
        if each.get("withdrawn"):
            continue
        names = [str(each.get("id", "?")), *each.get("aliases", ())]
        fixed = ", ".join(each.get("fixed_in", ())) or "no release yet"
        line = f"{package}: {', '.join(names)}; fixed in {fixed}"
        reason = next((accepted[name] for name in names if name in accepted), "")
        found.reach_us += not reason
        found.lines.append(f"{line}; accepted: {reason}" if reason else line)


def main() -> int:
    """Returns the exit status."""
    packages = sorted({*locked(LOCK), *locked(EXTRAS_LOCK)})
    found = check(packages)
    for line in found.lines:
        print(line)
    if found.unanswered:
        print(
            f"NOT CHECKED: of {len(packages) - found.asked} of {len(packages)} packages the index "
            f"gives no advisories here ({found.unanswered[0]}). This is no verdict: run it where "
            "the index has them, or name a mirror that has by ECHONODE_ADVISORY_INDEX."
        )
    else:
        print(f"{len(packages)} packages, {len(found.lines)} advisories.")
    return found.status


if __name__ == "__main__":
    sys.exit(main())

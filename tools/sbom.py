"""`make sbom`: what the image holds, as CycloneDX JSON, made from requirements.lock.

cyclonedx-py reads the lock, with its hashes. Here are added: the licence of each package, and which
package needs which, by the metadata of the installed packages. The same lock gives the same bytes;
SOURCE_DATE_EPOCH is the timestamp, where it is set.

python tools/sbom.py FILE
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from echonode import __version__  # noqa: E402  # run as a file, from the checkout
from tools.reference.licences import LOCK, licence_of  # noqa: E402

_SIMPLE = re.compile(r"[A-Za-z0-9.\-+]+")


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    sbom = completed(_of_lock())
    target.write_text(json.dumps(sbom, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{target}: {len(sbom['components'])} packages")
    return 0


def _of_lock() -> dict[str, Any]:
    """The document of cyclonedx-py. Raises CalledProcessError."""
    command = [
        *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(LOCK)),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--of", "JSON"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def completed(sbom: dict[str, Any]) -> dict[str, Any]:
    """With licences, versions and dependencies; references by package name, not by line."""
    root = sbom["metadata"]["component"]
    root["version"] = __version__
    root["bom-ref"] = "echonode"
    names = {component["name"].lower() for component in sbom["components"]}
    for component in sbom["components"]:
        name = component["name"].lower()
        component["bom-ref"] = name
        component.pop("description", None)  # the line of the lock again
        for reference in component.get("externalReferences", ()):
            reference["url"] = component["purl"]  # whatever index it is installed from
        if licence := licence_of(name):
            component["licenses"] = [_licence(licence)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {"echonode": _names(project["dependencies"]) & names}
    needed |= {name: _needed_by(name) & names for name in names}
    sbom["dependencies"] = [
        {"ref": name, "dependsOn": sorted(others)} for name, others in sorted(needed.items())
    ]
    return sbom


def _licence(expression: str) -> dict[str, Any]:
    if _SIMPLE.fullmatch(expression):
        return {"license": {"id": expression}}
    return {"expression": expression}


def _needed_by(name: str) -> set[str]:
    try:
        return _names(line for line in requires(name) or () if "extra ==" not in line)
    except PackageNotFoundError:
        return set()


def _names(lines: Any) -> set[str]:
    """The packages that requirement lines name, normalised (PEP 503)."""
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", each[0]).lower() for each in found if each}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

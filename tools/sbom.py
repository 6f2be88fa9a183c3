"""`make sbom`: what is installed, as CycloneDX JSON, made from requirements-extras.lock.

cyclonedx-py reads the lock, with its hashes. Here are added: the licence of each package, which
package needs which, by the metadata of the installed packages, and the scope: `required` of what is
always installed (requirements.lock, and the image), `optional` of what only an extra brings, with
the extras as the property `echonode:extra`. The same locks give the same bytes; SOURCE_DATE_EPOCH
is the timestamp, where it is set.

python tools/sbom.py FILE
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from echonode import __version__  # noqa: E402  # run as a file, from the checkout
from tools.reference.licences import EXTRAS_LOCK, licence_of, locked  # noqa: E402

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
        *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(EXTRAS_LOCK)),
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
    extras = {
        extra: _names(lines) & names
        for extra, lines in project["optional-dependencies"].items()
        if extra != "dev"
    }
    needed = {"echonode": (_names(project["dependencies"]) & names).union(*extras.values())}
    needed |= {name: _needed_by(name) & names for name in names}
    always = {name.lower() for name, _ in locked()}
    for component in sbom["components"]:
        name = component["bom-ref"]
        component["scope"] = "required" if name in always else "optional"
        component["properties"] = component.get("properties", []) + [
            {"name": "echonode:extra", "value": extra}
            for extra, wanted in sorted(extras.items())
            if name not in always and name in _with_all(wanted, needed)
        ]
    sbom["dependencies"] = [
        {"ref": name, "dependsOn": sorted(others)} for name, others in sorted(needed.items())
    ]
    return sbom


def _with_all(wanted: set[str], needed: dict[str, set[str]]) -> set[str]:
    """Packages, and all that they need."""
    found, new = set[str](), wanted
    while new:
        found |= new
        new = set[str]().union(*(needed.get(name, set()) for name in new)) - found
    return found


def _licence(expression: str) -> dict[str, Any]:
    if _SIMPLE.fullmatch(expression):
        return {"license": {"id": expression}}
    return {"expression": expression}


def _needed_by(name: str, extra: str = "") -> set[str]:
    try:
        lines = requires(name) or ()
    except PackageNotFoundError:
        return set()
    wanted = (
        line
        for line in lines
        if (f'extra == "{extra}"' in line if extra else "extra ==" not in line)
    )
    return _names(wanted)


def _names(lines: Iterable[str]) -> set[str]:
    """The packages that requirement lines name, and what their extras bring."""
    found = set[str]()
    for line in lines:
        wanted = Requirement(line)
        found.add(canonicalize_name(wanted.name))
        for extra in wanted.extras:
            found |= _needed_by(wanted.name, extra)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

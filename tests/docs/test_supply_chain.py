"""What is said of the supply chain and of threats holds: licences, components, tests that exist."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import advisories
from tools.reference.licences import Dependency, dependencies, locked

ROOT = Path(__file__).resolve().parents[2]
THREATS = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
# Licences that ask nothing of who uses the program over a network or beside another.
_PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
    *("MIT-CMU", "PSF-2.0", "Zlib", "HPND", "MPL-2.0"),
}
# Libraries that may be replaced by another version; docs/licences.md says so.
_LESSER = {"python-bidi"}


def faults(found: list[Dependency]) -> list[str]:
    """The packages whose licence is not known, or not allowed at run time."""
    wrong = []
    for each in found:
        words = set(re.split(r" (?:AND|OR) ", each.licence)) if each.licence else {"unknown"}
        if each.name in _LESSER and words == {"LGPL-3.0-or-later"}:
            continue
        if words - _PERMISSIVE:
            wrong.append(f"{each.name}: {each.licence or 'unknown'}")
    return wrong


def test_nothing_under_the_gpl_runs() -> None:
    """Each package of the lock has a known licence that allows what is done with it."""
    assert faults(dependencies()) == []


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "", "MIT AND GPL-2.0"])
def test_a_package_under_the_gpl_is_caught(licence: str) -> None:
    """Planted: one more package."""
    assert faults([Dependency(name="planted", version="1", licence=licence)])


def test_the_list_of_components_is_that_of_the_lock(tmp_path: Path) -> None:
    """CycloneDX with every locked package, its licence and hashes, the same bytes each time."""
    made = []
    for name in ("one.json", "two.json"):
        command = [sys.executable, "tools/sbom.py", str(tmp_path / name)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    sbom = json.loads(made[0])
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "echonode")
    components = {each["name"]: each for each in sbom["components"]}
    assert {(name, each["version"]) for name, each in components.items()} == set(locked())
    for name, each in components.items():
        assert each["licenses"], name
        assert any(reference["hashes"] for reference in each["externalReferences"]), name
    needs = {each["ref"]: each["dependsOn"] for each in sbom["dependencies"]}
    assert "pynetdicom" in needs["echonode"]
    assert "pydicom" in needs["pynetdicom"]


def test_known_vulnerabilities_are_told_with_their_remedy() -> None:
    """Each advisory that is not withdrawn is a line: package, identifiers, fixed version."""
    known = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["2.0"], "withdrawn": None}
    gone = {"id": "PYSEC-2", "withdrawn": "2020-01-01"}
    told = {"vulnerabilities": [known, gone]}
    lines, missing = advisories.check([("a", "1.0")], lambda url: told)
    assert (lines, missing) == (["a 1.0: PYSEC-1, CVE-1; fixed in 2.0"], "")


def test_advisories_that_cannot_be_had_are_no_verdict() -> None:
    """The target says that it knows nothing, and of which package first."""

    def away(url: str) -> dict[str, Any]:
        raise OSError

    assert advisories.check([("a", "1.0")], away) == ([], "a 1.0: OSError")
    _, missing = advisories.check([("a", "1.0")], lambda url: {"info": {}})
    assert "gives no advisories" in missing


def named_tests() -> list[tuple[str, str]]:
    """(file, test) of each test that docs/threats.md names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", THREATS)


def test_each_threat_is_met_by_a_test_that_exists() -> None:
    """Each row of the last table names at least one, and each of these is there."""
    rows = THREATS.partition("## What meets them")[2].strip().splitlines()[2:]
    assert all(re.search(r"`tests/[\w/]+\.py::test_\w+` *(,|\|)", row) for row in rows), rows
    for file, name in named_tests():
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
        assert name in functions, f"{file}::{name}"

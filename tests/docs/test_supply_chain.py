"""What is said of the supply chain and of threats holds: licences, components, tests that exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tools import advisories
from tools.reference.licences import EXTRAS_LOCK, LOCK, Dependency, dependencies, locked
from tools.reference.threats import UnknownTest, named_tests, targets_of

ROOT = Path(__file__).resolve().parents[2]
THREATS = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
# Licences that ask nothing of who uses the program over a network or beside another.
_PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
    *("MIT-CMU", "PSF-2.0", "Zlib", "HPND", "MPL-2.0"),
}
# Libraries that may be replaced by another version; docs/licences.md says so.
_LESSER = {
    "python-bidi": "LGPL-3.0-or-later",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
}


def faults(found: list[Dependency]) -> list[str]:
    """The packages whose licence is not known, or not allowed at run time."""
    wrong = []
    for each in found:
        words = set(re.split(r" (?:AND|OR) ", each.licence)) if each.licence else {"unknown"}
        if words == {_LESSER.get(each.name)}:
            continue
        if words - _PERMISSIVE:
            wrong.append(f"{each.name}: {each.licence or 'unknown'}")
    return wrong


@pytest.mark.parametrize("lock", [LOCK, EXTRAS_LOCK], ids=["always", "with the extras"])
def test_nothing_under_the_gpl_runs(lock: Path) -> None:
    """Each package of the locks has a known licence that allows what is done with it."""
    found = dependencies(lock)
    assert len(found) > 40
    assert faults(found) == []


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "", "MIT AND GPL-2.0"])
def test_a_package_under_the_gpl_is_caught(licence: str) -> None:
    """Planted: one more package."""
    assert faults([Dependency(name="planted", version="1", licence=licence)])


@pytest.mark.long
def test_the_list_of_components_is_that_of_the_locks(tmp_path: Path) -> None:
    """CycloneDX with every locked package, its licence and hashes, the same bytes each time; what
    only an extra brings is optional, and says which extra.
    """
    made = []
    for name in ("one.json", "two.json"):
        command = [sys.executable, "tools/sbom.py", str(tmp_path / name)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    sbom = json.loads(made[0])
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "echonode")
    components = {each["name"]: each for each in sbom["components"]}
    found = {(name, each["version"]): each for name, each in components.items()}
    assert set(found) == set(locked(EXTRAS_LOCK))
    assert {key for key, each in found.items() if each["scope"] == "required"} == set(locked())
    extras = {
        name: {said["value"] for said in each["properties"]}
        for name, each in components.items()
        if each["scope"] == "optional"
    }
    assert all(extras.values()), "a package that no extra needs"
    assert extras["sqlcipher3"] == {"encryption"}
    assert extras["psycopg-binary"] == {"cluster"}
    assert extras["h5py"] == {"research"}
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
    found = advisories.check([("a", "1.0")], lambda url: told)
    assert found.lines == ["a 1.0: PYSEC-1, CVE-1; fixed in 2.0"]
    assert (found.asked, found.unanswered, found.status) == (1, [], advisories.FOUND)
    assert advisories.check([("a", "1.0")], lambda url: {"vulnerabilities": []}).status == 0


def test_an_advisory_that_does_not_reach_us_is_listed_with_its_reason() -> None:
    """By each of its names; it fails nothing, and one that was not looked at still does."""
    known = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": []}
    told = {"vulnerabilities": [known]}
    for name in ("PYSEC-1", "CVE-1"):
        found = advisories.check([("a", "1.0")], lambda url: told, {name: "we never call it"})
        assert found.status == 0
        assert "accepted: we never call it" in found.lines[0]
    assert advisories.check([("a", "1.0")], lambda url: told, {"CVE-2": "x"}).status != 0


def away(url: str) -> dict[str, Any]:
    raise OSError("no route")


def test_advisories_that_cannot_be_had_are_no_verdict() -> None:
    """It says that it knows nothing, and why; after the first it asks for no other."""
    asked: list[str] = []

    def gone(url: str) -> dict[str, Any]:
        asked.append(url)
        raise urllib.error.HTTPError(url, 404, "Not Found", Message(), None)

    packages = [("a", "1.0"), ("b", "2.0")]
    found = advisories.check(packages, gone)
    assert (found.unanswered, found.status) == (["a 1.0: HTTP 404"], advisories.NOT_AVAILABLE)
    assert len(asked) == 1
    assert advisories.check(packages, away).unanswered == ["a 1.0: OSError"]
    [why] = advisories.check(packages, lambda url: {"info": {}}).unanswered
    assert "gives no advisories" in why


def test_a_package_that_is_not_answered_for_costs_no_other() -> None:
    """The advisories of the others stand there; and that nothing is known of that one."""

    def but_one(url: str) -> dict[str, Any]:
        if "/b/" in url:
            raise TimeoutError
        return {"vulnerabilities": [{"id": "PYSEC-3", "fixed_in": []}] if "/c/" in url else []}

    found = advisories.check([("a", "1"), ("b", "1"), ("c", "1")], but_one)
    assert found.unanswered == ["b 1: TimeoutError"]
    assert found.lines == ["c 1: PYSEC-3; fixed in no release yet"]
    assert found.status == advisories.FOUND


@pytest.mark.parametrize(
    ("status", "passes"), [(0, True), (advisories.NOT_AVAILABLE, True), (advisories.FOUND, False)]
)
def test_the_target_fails_for_an_advisory_alone(tmp_path: Path, status: int, passes: bool) -> None:
    """`make advisories`, as .ci/run calls it: where nothing can be asked it says so and passes."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "python").write_text(f"#!/bin/sh\nexit {status}\n")
    (bin_folder / "python").chmod(0o755)
    recipe = ["make", "-s", "-o", ".venv/.stamp-dev", f"BIN={bin_folder}", "advisories"]
    done = subprocess.run(recipe, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) is passes, done.stderr
    assert "advisories" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_each_threat_is_met_by_a_test_that_exists() -> None:
    """Each row of the last table names at least one, and each of these is there."""
    table = THREATS.partition("## What meets them")[2].partition("\n## ")[0]
    rows = table.strip().splitlines()[2:]
    assert all(re.search(r"`tests/[\w/]+\.py::test_\w+` *(,|\|)", row) for row in rows), rows
    for file, name in named_tests(THREATS):
        assert targets_of((ROOT / file).read_text(encoding="utf-8"), name)


MARKED = """
import pytest
pytestmark = [pytest.mark.peers]
@pytest.mark.long
def test_long(): ...
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.full)])
def test_some(n): ...
def test_plain(): ...
"""


def test_the_target_of_a_test_is_told_by_its_marks() -> None:
    """Of the whole test, or of cases; a test that is not there is an error."""
    assert targets_of(MARKED, "test_long") == ["make long"]
    assert targets_of(MARKED, "test_some") == ["make test", "make faults"]
    assert targets_of(MARKED, "test_plain") == ["make test"]
    assert targets_of(MARKED.replace("peers", "containers"), "test_plain") == ["make containers"]
    with pytest.raises(UnknownTest):
        targets_of(MARKED, "test_gone")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_targets_of_threats_are_those_that_collect_the_tests() -> None:
    """pytest itself chooses the same by the options of each target (Makefile)."""
    named = {f"{file}::{name}": (file, name) for file, name in named_tests(THREATS)}
    chosen = {
        "make test": "not timing and not long and not full and not containers",
        "make long": "long and not full",
        "make faults": "full",
    }
    for target, marks in chosen.items():
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", marks, *named]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        collected = {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}
        for test, (file, name) in named.items():
            told = target in targets_of((ROOT / file).read_text(encoding="utf-8"), name)
            assert told == (test in collected), f"{test}: {target}"

"""What a contributor's tools are configured to do is what `make` and .ci/run do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def workflow() -> dict[str, Any]:
    """The one job of the hosted CI."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    job: dict[str, Any] = yaml.safe_load(text)["jobs"]["all"]
    return job


def test_hosted_ci_runs_what_a_change_must_pass() -> None:
    """It calls .ci/run itself, so that the two cannot differ."""
    assert ".ci/run" in [step.get("run", "").strip() for step in workflow()["steps"]]


def test_hosted_ci_runs_on_every_python_that_is_promised() -> None:
    """Each version of the package's metadata decides; a later one may be tried."""
    promised = {
        found[1]
        for classifier in PYPROJECT["project"]["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
    }
    tried = set(workflow()["strategy"]["matrix"]["python"])
    assert promised
    assert promised <= tried
    undecided = set(re.findall(r"'(3\.\d+)'", str(workflow()["continue-on-error"])))
    assert undecided & promised == set()


def test_hosted_ci_installs_the_peers_that_the_tests_need() -> None:
    """Those of tools/real-peers.sh; Chromium is the runner's Chrome."""
    script = (ROOT / "tools" / "real-peers.sh").read_text(encoding="utf-8")
    needed = set(re.findall(r"^/\S+:(\S+)$", script, re.MULTILINE)) - {"chromium-headless-shell"}
    steps = "\n".join(step.get("run", "") for step in workflow()["steps"])
    assert needed
    assert needed <= set(steps.split())
    assert "/usr/bin/chromium" in steps


def test_the_hooks_before_a_commit_are_those_of_make_check() -> None:
    """Formatter, linter, type checker and phrases, of the versions in .venv."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (repository,) = yaml.safe_load(text)["repos"]
    hooks = [hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]]
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    commands = [
        line.strip().removeprefix("$(BIN)/").removesuffix(" .") for line in recipe[1].splitlines()
    ]
    assert hooks == commands
    assert repository["repo"] == "local"


def test_every_make_target_that_a_document_names_exists() -> None:
    """A reader can run it."""
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", text):
            assert target in targets, f"{document.name}: make {target}"


def test_a_visitor_is_told_how_to_look_at_the_demo() -> None:
    """The first page names the demo that goes on running."""
    assert "make demo KEEP=1" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_version_is_in_one_place() -> None:
    """The metadata takes it from the package."""
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "echonode.__version__"}
    assert "version" in PYPROJECT["project"]["dynamic"]

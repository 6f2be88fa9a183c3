"""The lines that the set-up gives are a configuration that the node takes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from echonode.config import parse
from tests.peers.fixtures import require_program
from tests.unit.web.test_console_scripts import CONSOLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_LINES = """
import { archiveLines, PROBES, probeLines } from "./console/start/yaml.js";
const given = JSON.parse(process.argv[2]);
const lines = (kind) => probeLines({ ...given.probe, kind, address: PROBES[kind].address });
const probes = Object.keys(PROBES).map(lines);
console.log(JSON.stringify({ probes, archive: archiveLines(given.archive) }));
"""


@pytest.mark.parametrize("commitment", ["required", "verify", "none"])
@pytest.mark.parametrize("ae_title", ["ORTHANC", "yes", "0815", "A: B #1", '"x" {y}'])
def test_the_lines_are_taken_as_they_are(tmp_path: Path, commitment: str, ae_title: str) -> None:
    """Each kind of probe, and an archive whose AE title means something else to YAML."""
    shutil.copytree(CONSOLE, tmp_path / "console")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "lines.js").write_text(_LINES)
    archive = {"name": "pacs", "ae_title": ae_title, "host": "10.0.7.4", "port": "104"}
    given = {"probe": {"name": "handheld"}, "archive": {**archive, "commitment": commitment}}
    done = subprocess.run(
        [require_program("node"), "lines.js", json.dumps(given)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = json.loads(done.stdout)
    assert len(lines["probes"]) >= 4
    for probe in lines["probes"]:
        text = "\n".join(["ae_title: ECHONODE", "data_dir: ./var", *probe, *lines["archive"]])
        config = parse(text, {})
        assert config.peers["pacs"].ae_title == ae_title
        assert config.probes[0].name == "handheld"
        assert config.destinations[0].commitment == commitment

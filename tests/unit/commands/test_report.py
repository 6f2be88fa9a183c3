"""The bundle of one exam: whole, readable, and without patients or secrets."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from echonode.commands.report import write_report
from echonode.config import Config
from echonode.errors import UsageError
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, put

STUDY = "1.2.3.1"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A node that has had one exam, of a patient whose name must not be seen."""
    with Store.open(tmp_path / "var", now=Clock()) as store:
        ds = dataset(1, PatientName="Canary^Yellow", PatientID="CANARY-7")
        put(store, ds, destinations=["pacs"])
        commit_all(store, Clock())
    patient = {"id": "CANARY-8", "name": "Canary^Blue"}
    probe = {"name": "p", "protocol": "echopen", "dialect": "kit", "connect": "127.0.0.1:1"}
    return Config.model_validate(
        {
            "ae_title": "ECHONODE",
            "data_dir": tmp_path / "var",
            "probes": [{**probe, "capture": {"patient": patient}}],
            "listen": [
                {"port": 2762, "tls": {"cert": "c.pem", "key": "secret-place.pem", "ca": "a.pem"}}
            ],
        }
    )


@pytest.mark.slow
def test_it_holds_timeline_ledger_and_configuration(config: Config, tmp_path: Path) -> None:
    """Each line of the timeline is JSON with its time; the ledger says what is proved."""
    out = tmp_path / "exam.zip"
    assert write_report(config, STUDY, out) == 4
    with ZipFile(out) as bundle:
        timeline = [json.loads(line) for line in bundle.read("timeline.jsonl").splitlines()]
        [row] = [json.loads(line) for line in bundle.read("ledger.jsonl").splitlines()]
        settings = json.loads(bundle.read("config.json"))
        assert "timeline.jsonl" in bundle.read("README.txt").decode()
    assert [event["kind"] for event in timeline] == ["stored", "ask", "report", "committed"]
    assert timeline[0]["at"] == NOON.isoformat()
    assert row["state"] == "committed"
    assert settings["ae_title"] == "ECHONODE"


def test_no_patient_and_no_secret_is_in_it(config: Config, tmp_path: Path) -> None:
    """It may be mailed to those who repair the network."""
    out = tmp_path / "exam.zip"
    write_report(config, STUDY, out)
    with ZipFile(out) as bundle:
        everything = b"".join(bundle.read(name) for name in bundle.namelist()).lower()
    assert b"canary" not in everything
    assert b"secret-place" not in everything


def test_an_unknown_exam_is_said(config: Config, tmp_path: Path) -> None:
    """And no empty bundle is left."""
    with pytest.raises(UsageError, match="nothing is known"):
        write_report(config, "1.2.3.99", tmp_path / "exam.zip")
    assert not (tmp_path / "exam.zip").exists()


def test_a_place_that_cannot_be_written_is_said(config: Config, tmp_path: Path) -> None:
    """The folder does not exist: in words, not a traceback."""
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(config, STUDY, tmp_path / "no" / "exam.zip")

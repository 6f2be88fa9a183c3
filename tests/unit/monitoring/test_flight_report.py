"""The bundle of the whole node: what happened last, without patients or secrets."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from echonode.config import Config
from echonode.monitoring.flight_report import write_node_report
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many


@pytest.mark.slow
def test_the_nodes_bundle_says_what_happened_and_what_is_held(tmp_path: Path) -> None:
    """It may be mailed to those who repair the network."""
    config = Config.model_validate({"ae_title": "ECHONODE", "data_dir": tmp_path / "var"})
    out = io.BytesIO()
    with Store.open(tmp_path / "var", now=Clock()) as store:
        ds = dataset(9, PatientName="Canary^Yellow", PatientID="CANARY-7")
        put(store, ds, destinations=["pacs"])
        commit_all(store, Clock())
        put_many(store, 1, "pacs")
        store.operator.hold("1.2.3.4.1", now=NOON)
        write_node_report(config, store, {"now": NOON, "alarms": []}, out)
    with ZipFile(out) as bundle:
        names = bundle.namelist()
        everything = b"".join(bundle.read(name) for name in names)
        timeline = [json.loads(line) for line in bundle.read("timeline.jsonl").splitlines()]
        [held] = [json.loads(line) for line in bundle.read("held.jsonl").splitlines()]
    assert sorted(names) == [
        *("README.txt", "config.json", "held.jsonl", "node.json", "timeline.jsonl")
    ]
    kinds = [event["kind"] for event in timeline]
    assert (kinds[:4], kinds[-1]) == (["stored", "ask", "report", "committed"], "hold")
    assert held["last_error"] == "held by the operator"
    assert b"canary" not in everything.lower()

"""promtool accepts the metrics of a running node, the alert rules, and their tests."""

from __future__ import annotations

import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import find_program

pytestmark = [pytest.mark.peers, pytest.mark.timeout(60)]
MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"


def promtool(*arguments: str | Path, given: bytes = b"") -> str:
    done = subprocess.run(
        [find_program("promtool"), *map(str, arguments)],
        input=given,
        capture_output=True,
        check=False,
        timeout=30,
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def test_the_alert_rules_are_valid_and_do_what_their_tests_say() -> None:
    """By Prometheus's own tool."""
    assert "SUCCESS" in promtool("check", "rules", MONITORING / "alerts.yml")
    assert "SUCCESS" in promtool("test", "rules", MONITORING / "alerts-test.yml")


def test_the_metrics_follow_prometheuss_conventions(tmp_path: Path) -> None:
    """Names, units, types and help texts, as `promtool check metrics` judges them."""
    web = {"host": LOOPBACK, "port": free_port()}
    pacs = {"ae_title": "PACS", "host": LOOPBACK, "port": free_port(), "may": ["commit"]}
    with EchoNodeProcess(
        folder=tmp_path,
        peers={"pacs": pacs},
        destinations=[{"peer": "pacs", "commitment": "required"}],
        extra={"web": web},
    ):
        url = f"http://{LOOPBACK}:{web['port']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            metrics = answer.read()
    assert b"echonode_audit_records_total" in metrics
    assert promtool("check", "metrics", given=metrics) == ""

"""The audit trail of a running node: a real syslog-ng receives it, and the commands read it."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from tests.peers.authority import Authority
from tests.peers.dcmtk import dcmtk
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.syslog_server import SyslogServer
from tests.support.audit_schema import checked
from tests.support.audit_trail import kinds, records
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]
IMAGE = Path(str(get_testdata_file("CT_small.dcm")))
PATIENT = "1CT1"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[SyslogServer]:
    authority = Authority(tmp_path / "ca")
    own = authority.issue("audit")
    with SyslogServer(own, authority.certificate) as server:
        yield server


@pytest.fixture
def node(tmp_path: Path, receiver: SyslogServer) -> Iterator[EchoNodeProcess]:
    authority = tmp_path / "ca"
    # The receiver's own certificate serves as the node's as well.
    tls = {name: str(authority / f"audit.{end}") for name, end in (("cert", "pem"), ("key", "key"))}
    made = EchoNodeProcess(
        peers={
            "cart": {
                "ae_title": "CART",
                "host": LOOPBACK,
                "port": free_port(),
                "may": ["echo", "store", "find"],
            }
        },
        extra={
            "web": {"host": LOOPBACK, "port": free_port()},
            "audit": {
                "receiver": f"{LOOPBACK}:{receiver.tls_port}",
                "tls": {"ca": str(authority / "ca.pem"), **tls},
            },
        },
        folder=tmp_path,
    )
    with made as running:
        yield running


def at(node: EchoNodeProcess, program: str, *arguments: str | Path) -> int:
    called = ("-aet", "CART", "-aec", "ECHONODE", LOOPBACK, node.port)
    return dcmtk(program, *called, *arguments).returncode


def found(node: EchoNodeProcess, *options: str) -> list[dict[str, Any]]:
    done = node.command("audit", "search", "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.long
def test_what_was_done_is_received_and_found(node: EchoNodeProcess, receiver: SyslogServer) -> None:
    """An image came, a peer and a person searched, a stranger was refused: each has its record, by
    syslog as here; after a kill the trail is whole, and what is cut off at its end is missed.
    """
    assert at(node, "storescu", IMAGE) == 0
    assert at(node, "findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=X") == 0
    strange = ("-aet", "NOBODY", "-aec", "ECHONODE", LOOPBACK, node.port)
    assert dcmtk("echoscu", *strange).returncode != 0
    url = f"http://{LOOPBACK}:{node.extra['web']['port']}/dicom-web/studies?PatientName=Comp*"
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()
    wanted = {"start", "begin-transfer", "query", "alert", "transfer"}
    wait_until(lambda: wanted <= set(kinds(node.data_dir)), timeout_s=30, what="recorded")
    of_patient = found(node, "--patient", PATIENT)
    assert [each["kind"] for each in of_patient] == ["begin-transfer", "transfer"]
    assert of_patient[1]["patient"]["name"] == "CompressedSamples^CT1"
    asked = [each["query"]["keys"] for each in records(node.data_dir) if each["query"]]
    assert any("PatientName=Comp*" in keys for keys in asked)
    alerts = [each["subject"] for each in records(node.data_dir) if each["kind"] == "alert"]
    assert alerts == ["NOBODY"]
    assert len(found(node, "--user", "CART")) == 3

    node.kill()
    whole = node.command("audit", "verify")
    assert (whole.returncode, "records are whole" in whole.stdout) == (0, True), whole.stdout
    node.start()
    wait_until(lambda: kinds(node.data_dir).count("start") == 2, timeout_s=30, what="it began")
    begun = [each for each in records(node.data_dir) if each["kind"] == "start"]
    assert "did not end in order" in begun[1]["description"]
    assert node.stop() == 0
    here = records(node.data_dir)
    assert here[-1]["kind"] == "stop"
    assert {each["seq"] for each in here} == receiver.numbers
    for each in receiver.messages:
        checked(each["message"].removeprefix("\ufeff").encode())
    assert not [line for line in node.events if PATIENT in json.dumps(line)]

    with closing(sqlite3.connect(node.data_dir / "audit" / "audit.sqlite")) as trail, trail:
        trail.execute("DELETE FROM record WHERE kind = 'stop'")
    cut = node.command("audit", "verify")
    assert cut.returncode == 1
    assert "cut off at the end" in cut.stdout


@pytest.mark.long
def test_other_settings_are_an_alert_at_the_next_start(node: EchoNodeProcess) -> None:
    """Which sections changed, and no value of theirs; and who reads the trail is recorded."""
    node.stop()
    node.add_peer("other", ae_title="OTHER", may=["echo"])
    node.start()
    wait_until(lambda: "alert" in kinds(node.data_dir), timeout_s=30, what="the alert")
    [alert] = found(node, "--kind", "alert")
    assert alert["type"] == "Network Configuration"
    assert alert["description"] == "changed since the last start: peers"
    wait_until(lambda: "audit" in kinds(node.data_dir), timeout_s=30, what="the use")


def test_words_that_are_no_option_are_explained(node: EchoNodeProcess) -> None:
    """A time, a kind, a checkpoint."""
    for options, words in (
        (("search", "--since", "yesterday"), "not a time"),
        (("search", "--kind", "gossip"), "no kind of record"),
        (("verify", "--checkpoint", "x"), "not a checkpoint"),
    ):
        done = node.command("audit", *options)
        assert done.returncode == 2
        assert words in done.stderr

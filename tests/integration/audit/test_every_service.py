"""Every DIMSE service of a running node, asked or asking, leaves the records of its row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from echonode.audit.sources.record_rows import Recorded, Unrecorded
from echonode.audit.sources.service_records import SERVICE_RECORDS
from echonode.config import load
from echonode.dimse.messages.command_set import CommandField
from echonode.dimse.scp import dispatch
from echonode.model.identity import Service
from echonode.monitoring.conformance.claim import Claim
from echonode.monitoring.conformance.network import OPERATION
from echonode.monitoring.conformance.statement import claims
from tests.integration.conformance.executors_workflow import operation
from tests.integration.conformance.site import Site, running_site

pytestmark = [pytest.mark.peers, pytest.mark.long, pytest.mark.timeout(600)]

Record = Mapping[str, Any]
# Who asked the node, in the executors of the claims.
ASKED_BY = "viewer"


def row_key(subject: str) -> str:
    """The row of a claim: its subject, or that without the peer."""
    return subject if subject in SERVICE_RECORDS else subject.rpartition("/")[0]


def undeclared(rows: Iterable[Claim]) -> set[str]:
    """The claimed services without a row."""
    subjects = {row.subject for row in rows if row.kind is OPERATION}
    return {subject for subject in subjects if row_key(subject) not in SERVICE_RECORDS}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Claim], list[Record]]:
    """What the site claims, and its trail once each service was used and the node has stopped."""
    with running_site(tmp_path_factory.mktemp("site")) as site:
        rows = [row for row in claims(site.config) if row.kind is OPERATION]
        for row in rows:
            operation(site, row)
        _wait_for_print(site)
        assert site.node.stop() == 0
        found = site.node.command("audit", "search", "--json")
        assert found.returncode == 0, found.stderr
        return rows, [json.loads(line) for line in found.stdout.splitlines()]


def _wait_for_print(site: Site) -> None:
    assert "N-ACTION RQ" in site.print_log


def is_of(record: Record, row: Recorded, *, by_peer: bool) -> bool:
    """Whether it is such a record, begun by a peer, or by the node."""
    if (record["kind"], record["action"]) != (row.kind.value, row.action.value):
        return False
    began = {each["user"] for each in record["participants"] if each["requestor"]}
    return (ASKED_BY in began) if by_peer else (ASKED_BY not in began)


def missing(subjects: Iterable[str], trail: Sequence[Record]) -> set[str]:
    """The services that left less than their rows say."""
    lacking = set()
    for subject in subjects:
        row = SERVICE_RECORDS[row_key(subject)]
        by_peer = subject.endswith("/scp") or subject == "C_STORE/scu/get"
        if subject == "N_EVENT_REPORT/scp":  # the archive's, not the viewer's
            by_peer = False
        if isinstance(row, Unrecorded):
            assert row.reason
            continue
        if not all(any(is_of(each, wanted, by_peer=by_peer) for each in trail) for wanted in row):
            lacking.add(subject)
    return lacking


def test_each_service_leaves_its_records(done: tuple[list[Claim], list[Record]]) -> None:
    """As SCP begun by the peer that asked, as SCU by this node; each row is used."""
    rows, trail = done
    assert undeclared(rows) == set()
    subjects = {row.subject for row in rows}
    assert missing(subjects, trail) == set()
    assert {row_key(subject) for subject in subjects} == set(SERVICE_RECORDS)


def test_a_record_that_is_not_there_is_missed(done: tuple[list[Claim], list[Record]]) -> None:
    """Planted: the trail without its queries."""
    rows, trail = done
    without = [each for each in trail if each["kind"] != "query"]
    assert missing({row.subject for row in rows}, without) == {
        "C_FIND/scp",
        "C_MOVE/scp",
        "C_GET/scp",
        "C_FIND/scu/worklist",
    }


def test_films_name_the_printer_and_who_ordered_them(
    done: tuple[list[Claim], list[Record]],
) -> None:
    """An export to film, with the patient and the instances."""
    films = [
        each for each in done[1] if each["kind"] == "export" and each["description"] == "a film"
    ]
    assert films
    for each in films:
        assert "films" in {said["user"] for said in each["participants"]}
        assert each["patient"]["id"]


def test_an_echo_leaves_nothing(done: tuple[list[Claim], list[Record]]) -> None:
    """The peer that may only ask for it is in no record but those of refusals."""
    of_echo = [each for each in done[1] if "ECHOONLY" in json.dumps(each)]
    assert {each["kind"] for each in of_echo} <= {"alert"}


def test_a_service_without_a_row_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: one more DIMSE service, which the statement of this configuration then claims."""
    example = load(Path(__file__).resolve().parents[3] / "config" / "echonode.yaml", {})
    assert undeclared(claims(example)) == set()
    more = {**dispatch.SERVED, CommandField.N_DELETE: (Service.STORE, None)}
    monkeypatch.setattr("echonode.monitoring.conformance.network.SERVED", more)
    assert undeclared(claims(example)) == {"N_DELETE/scp"}

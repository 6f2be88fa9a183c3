"""The console shows the node's state and the ledger, and nothing that could be markup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from echonode.model.delivery import DeliveryState
from echonode.web.encoding import Row
from echonode.web.status import (
    DestinationStatus,
    NodeStatus,
    ProbeStatus,
    console_routes,
    newest,
)
from tests.unit.web.conftest import Browser, Serve

STATUS = NodeStatus(
    ae_title="ECHONODE",
    version="0.1.0",
    now=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    started_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
    disk_free_percent=61.5,
    probes=(
        ProbeStatus(
            name="handheld",
            connected=True,
            frames_received=812,
            frames_dropped=2,
            frames_partial=0,
            frames_dropped_by={"this_machine_too_slow": 2},
        ),
    ),
    destinations=(
        DestinationStatus(
            name="pacs",
            ae_title="ORTHANC",
            commitment="required",
            deliveries={"committed": 11, "queued": 1},
        ),
    ),
)


def row(number: int, **more: object) -> Row:
    return {
        "sop_instance_uid": f"1.2.{number}",
        "state": "queued",
        "stored_at": f"2026-11-20T08:00:{number:02}+00:00",
        **more,
    }


def opened(serve: Serve, rows: Sequence[Row] = ()) -> Browser:
    return serve(
        console_routes(
            status=lambda: STATUS,
            ledger=lambda: rows,
            recent=lambda last: list(rows)[:last],
            thumbnail={"1.2.3": b"a jpeg"}.get,
        )
    )


def test_the_status_is_json_by_the_names_of_its_values(serve: Serve) -> None:
    """What the page reads is what node.py said."""
    body = opened(serve).ask("/api/status").json()
    assert body["ae_title"] == "ECHONODE"
    assert body["now"] == "2026-11-20T09:00:00+00:00"
    assert body["probes"][0]["frames_dropped"] == 2
    assert body["probes"][0]["frames_dropped_by"] == {"this_machine_too_slow": 2}
    assert body["destinations"][0]["deliveries"] == {"committed": 11, "queued": 1}


def test_the_ledger_is_given_whole_in_its_own_order(serve: Serve) -> None:
    """GET /api/ledger is `echonode ledger --json` over HTTP."""
    rows = [row(3), row(1, last_error="0xA700 <script>"), row(2)]
    answer = opened(serve, rows).ask("/api/ledger")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == rows


def test_last_gives_the_newest_first(serve: Serve) -> None:
    """The page asks for a screenful, however long the ledger is."""
    browser = opened(serve, [row(number) for number in (4, 9, 1, 7)])
    found = browser.ask("/api/ledger?last=2").json()
    assert [entry["sop_instance_uid"] for entry in found] == ["1.2.9", "1.2.7"]


@pytest.mark.parametrize("last", ["0", "-1", "1001", "x", "", "1e3", "9" * 5000])
def test_a_number_that_makes_no_sense_is_refused(serve: Serve, last: str) -> None:
    """400, whatever was written."""
    assert opened(serve).ask(f"/api/ledger?last={last}").status == 400


def test_newest_takes_instants_as_well_as_text() -> None:
    """Rows straight from the store order like rows already encoded."""
    rows = [row(1, stored_at=datetime(2026, 11, day, tzinfo=UTC)) for day in (3, 20, 11)]
    assert [entry["stored_at"] for entry in newest(rows, 2)] == [
        datetime(2026, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 11, tzinfo=UTC),
    ]


def test_the_page_asks_for_a_screenful(serve: Serve) -> None:
    """/api/recent?last=N; a number that makes no sense is refused as for the ledger."""
    browser = opened(serve, [row(3), row(2), row(1)])
    assert len(browser.ask("/api/recent?last=2").json()) == 2
    assert len(browser.ask("/api/recent").json()) == 3
    assert browser.ask("/api/recent?last=0").status == 400


def test_a_thumbnail_is_given_for_a_uid(serve: Serve) -> None:
    """A JPEG that nothing keeps; 404 for an instance without one, and for what is no UID."""
    browser = opened(serve)
    answer = browser.ask("/api/instances/1.2.3/thumbnail")
    assert (answer.status, answer.body) == (200, b"a jpeg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    for uid in ("1.2.4", "..", "x", "1" * 70):
        assert browser.ask(f"/api/instances/{uid}/thumbnail").status == 404


def test_the_outbox_has_words_for_every_state_that_is_not_done(serve: Serve) -> None:
    """A sonographer never reads a state's bare name."""
    script = opened(serve).ask("/console/outbox/words.js").body.decode()
    done = {DeliveryState.CAPTURED, DeliveryState.COMMITTED, DeliveryState.VERIFIED}
    for state in set(DeliveryState) - done:
        assert f'"outbox.item.{state}"' in script


def test_the_page_has_a_step_for_every_state(serve: Serve) -> None:
    """Stored, sent, committed: none is left out."""
    script = opened(serve).ask("/console/core/parts.js").body.decode()
    steps = script.split("STEP_OF = {")[1].split("}")[0]
    for state in DeliveryState:
        assert f" {state}:" in steps

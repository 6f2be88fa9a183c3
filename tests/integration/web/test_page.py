"""The status page in a real browser: what it says of each state, and that nothing is cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from importlib import resources

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.web.encoding import Row
from echonode.web.health import Alarm
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus, console_routes
from tests.peers.browser import page_after
from tests.peers.fixtures import require_program
from tests.unit.web.conftest import served

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]


@pytest.fixture(autouse=True)
def _browser() -> None:
    require_program("chromium")


PROBE = ProbeStatus(
    name="handheld", connected=True, frames_received=812, frames_dropped=0, frames_partial=0
)
PACS = DestinationStatus(
    name="pacs",
    ae_title="ORTHANC",
    commitment="required",
    deliveries={"committed": 11},
    contact="reached",
)
WELL = NodeStatus(
    ae_title="ECHONODE",
    version="0.1.0",
    now=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    started_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
    disk_free_percent=61.5,
    minutes_of_cine=130,
    probes=(PROBE,),
    destinations=(PACS,),
)
LONG = "0xA700 out of resources: refused by the archive at pacs.radiology.hospital.example " * 3
# Reports the width that the page needs, as a script of the page may: CSP allows no inline one.
MEASURE = b"""
setInterval(() => {
  document.body.dataset.needs = document.documentElement.scrollWidth;
  document.body.dataset.has = document.documentElement.clientWidth;
}, 500);
"""


def row(uid: str, **more: object) -> Row:
    return {
        "sop_instance_uid": uid,
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.3.1",
        "study_instance_uid": "1.2.3.1",
        "frames": 63,
        "destination": "pacs",
        "state": "committed",
        "attempts": 1,
        "last_error": "",
        "acquired_at": "2026-11-20T08:58:00+00:00",
        "stored_at": "2026-11-20T08:58:04+00:00",
        "source": "handheld",
        "duration_s": 3.1,
        "thumbnail": False,
        **more,
    }


def _measuring() -> list[BaseRoute]:
    page = (resources.files("echonode.web") / "console" / "index.html").read_bytes()

    async def index(_request: Request) -> Response:
        script = b'<script src="measure.js" defer></script></head>'
        return Response(page.replace(b"</head>", script), media_type="text/html")

    async def measure(_request: Request) -> Response:
        return Response(MEASURE, media_type="text/javascript")

    return [Route("/measured", index), Route("/measure.js", measure)]


def shown(
    status: NodeStatus, rows: Sequence[Row] = (), *, path: str = "/#/overview", width: int = 1280
) -> str:
    """The page's DOM for a state of the node."""
    routes = console_routes(
        status=lambda: status,
        ledger=lambda: rows,
        recent=lambda last: list(rows)[:last],
        thumbnail=lambda uid: None,
    )
    with served([*routes, *_measuring()]) as browser:
        host, port = browser.server.address
        return page_after(f"http://{host}:{port}{path}", width=width)


def verdict(page: str) -> tuple[str, str]:
    """(colour, words) of the one line that says how all of it is."""
    found = re.search(r'<p id="verdict" class="verdict ?(\w*)"[^>]*>([^<]*)<', page)
    assert found
    return found[1], unescape(found[2])


def title(page: str) -> str:
    found = re.search(r"<title>([^<]*)</title>", page)
    assert found
    return found[1]


def test_all_is_well_is_green() -> None:
    """Connected, up to date; the title says nothing more."""
    page = shown(WELL, [row("1.2.3.4.1")])
    assert verdict(page) == ("good", "All is well")
    assert title(page) == "System · EchoNode"
    assert "Clip, 3.1 s, 63 frames" in page
    assert "2 min ago" in page


@pytest.mark.parametrize(
    ("status", "colour", "words", "mark"),
    [
        (
            replace(WELL, probes=(replace(PROBE, refusal="only 3% of the disk is free"),)),
            "bad",
            "NOT RECORDING: handheld",
            "NOT RECORDING",
        ),
        (
            replace(WELL, problems=("2 captures wait in memory",)),
            "bad",
            "Not ready for an exam",
            "2 captures wait in memory",
        ),
        (replace(WELL, captures_lost=1), "bad", "1 capture lost", "1 capture was lost"),
        (
            replace(
                WELL,
                destinations=(
                    replace(
                        PACS,
                        deliveries={"sent": 2},
                        problem="no answer to the request",
                        commitment_problem="no answer to the request",
                    ),
                ),
            ),
            "bad",
            "Stored, but not committed by pacs",
            "Stored, but the archive does not commit: no answer to the request",
        ),
        (
            replace(WELL, destinations=(replace(PACS, deliveries={}, contact="not_tried"),)),
            "busy",
            "pacs not tried yet",
            "Not tried yet",
        ),
        (
            replace(WELL, destinations=(replace(PACS, problem="no route", contact="not_reached"),)),
            "bad",
            "pacs unreachable; images are kept here meanwhile",
            "Unreachable",
        ),
        (
            replace(WELL, alarms=(Alarm(name="quarantine", text="look into `quarantine`"),)),
            "bad",
            "1 alarm",
            "look into <code>quarantine</code>",
        ),
        (
            replace(WELL, probes=(replace(PROBE, connected=False),)),
            "wait",
            "1 probe not connected",
            "Not connected",
        ),
        (
            replace(
                WELL,
                probes=(
                    replace(
                        PROBE,
                        frames_dropped=32,
                        frames_dropped_by={
                            "incomplete_on_the_wire": 12,
                            "this_machine_too_slow": 20,
                            "no_image_possible": 0,
                        },
                    ),
                ),
            ),
            "good",
            "All is well",
            "12 dropped: incomplete on the wire, 20 dropped: this machine was too slow",
        ),
    ],
)
def test_each_state_is_told_in_words(
    status: NodeStatus, colour: str, words: str, mark: str
) -> None:
    """One line for all of it, never green where something is not; the reason stands in a card."""
    page = shown(status)
    assert verdict(page) == (colour, words)
    assert mark in page


def test_what_needs_a_person_is_counted_in_the_title() -> None:
    """A tab in the background shows it; the title carries no names."""
    page = shown(
        replace(
            WELL,
            probes=(replace(PROBE, refusal="no room"),),
            alarms=(Alarm(name="held:pacs", text="pacs: 1 delivery is held"),),
        )
    )
    assert title(page) == "(2) System · EchoNode"


def test_a_held_delivery_has_its_button_and_its_reason() -> None:
    """Release, and why it is held; markup in a reason stays text."""
    page = shown(WELL, [row("1.2.3.4.1", state="held", attempts=3, last_error="A900 <b>no</b>")])
    assert ">Release</button>" in page
    assert "3 attempts · A900 &lt;b&gt;no&lt;/b&gt;" in page


def test_instances_stand_under_their_study() -> None:
    """Two studies are two blocks; an instance that goes to two archives is one entry."""
    rows = [
        row("1.2.3.4.3", study_instance_uid="1.2.3.2"),
        row("1.2.3.4.2"),
        row("1.2.3.4.1"),
        row("1.2.3.4.1", destination="backup"),
    ]
    page = shown(WELL, rows)
    assert page.count('<section class="study">') == 2
    assert page.count('<li class="instance">') == 3


def test_nothing_yet_is_said() -> None:
    """A new node shows an empty list as such."""
    assert "Nothing yet." in shown(WELL)


@pytest.mark.parametrize("width", [500, 820, 1000, 1280])
def test_nothing_is_cut_at_any_width(width: int) -> None:
    """A phone, a tablet upright, a small and a large screen: no scrolling sideways."""
    status = replace(
        WELL,
        probes=(replace(PROBE, refusal=LONG),),
        destinations=(replace(PACS, problem=LONG),),
        alarms=(Alarm(name="disk", text=LONG),),
    )
    rows = [row("1.2.3.4.1", state="held", attempts=3, last_error=LONG + "x" * 200)]
    page = shown(status, rows, path="/measured#/overview", width=width)
    needs, has = (int(n) for n in re.findall(r'data-(?:needs|has)="(\d+)"', page))
    assert has <= width
    assert needs <= has


def test_a_node_that_does_not_answer_is_seen() -> None:
    """The page says so, marks what it shows as old, and its title too."""

    def fails() -> NodeStatus:
        raise OSError

    routes = console_routes(
        status=fails, ledger=tuple, recent=lambda last: (), thumbnail=lambda uid: None
    )
    with served(routes) as browser:
        page = page_after(
            "http://{}:{}/#/overview".format(*browser.server.address), milliseconds=12_000
        )
    assert verdict(page) == ("bad", "The node does not answer")
    assert 'class="old-overview stale"' in page
    assert title(page) == "(!) System · EchoNode"

"""Each state of Exams and Scan in words, in both themes: no fault of accessibility, nothing cut.

The node is scripted: most of these states are seldom seen. The exam with everything real is in
test_exam.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from echonode.web.page import page_routes
from tests.acceptance.console.conftest import OpenPage
from tests.acceptance.console.screens import THEMES, is_wider_than_screen, shoot
from tests.acceptance.console.scripted import (
    GEOMETRY,
    NOW,
    PACS,
    PROBE,
    UNIDENTIFIED,
    ScriptedNode,
    ago,
    exam,
    freeze,
    instance,
    item,
    status,
    worklist,
)
from tests.peers.accessibility import accessibility_faults
from tests.support.waiting import wait_until
from tests.unit.web.conftest import served

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

TODAY = worklist(
    item(1, "Doe^Jane"),
    item(2, "Okafor^Chidi", sex="M", requested_procedure="Lung, both sides"),
    item(3, "Lindqvist^Astrid^Maria", requested_procedure="Thyroid"),
    item(4, "Haddad^Leïla", requested_procedure="Obstetric, first trimester"),
)
SCAN = exam()["id"]
TARGET_PX = 44
PROOFS = [instance(1, "committed"), instance(2, "sent", clip=True), instance(3, "queued")]
REFUSED = "only 3% of the disk is free: `retention.minimum_free_percent` is 10"


def nothing(_page: Page) -> None:
    """The state is there by itself."""


def press(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name).first.click()


def keys(*pressed: str, after: str = "canvas[data-sequence]") -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.wait_for_selector(after)
        for key in pressed:
            page.keyboard.press(key)

    return act


def still_refused(page: Page) -> None:
    """Press the key until the node has answered: a page without a current picture takes none."""
    page.wait_for_selector("canvas[data-sequence]")
    refusal = page.get_by_text("The disk refused a new file.")

    def is_said() -> bool:
        page.keyboard.press("s")
        return refusal.count() > 0

    wait_until(is_said, timeout_s=60, what="the refusal in words")


def least_side(control: Locator) -> float:
    """The shorter side of a target, in CSS pixels."""
    box = control.bounding_box()
    assert box is not None
    return min(box["width"], box["height"])


@dataclass(frozen=True, kw_only=True)
class State:
    """at: the address behind `#`. answers: of the node, over the usual. says: what is seen."""

    name: str
    at: str = "/exams"
    answers: Mapping[str, Any] = field(default_factory=dict)
    node: Mapping[str, Any] = field(default_factory=dict)
    act: Callable[[Page], None] = nothing
    says: str


def of_exam(name: str, says: str, **more: Any) -> State:
    """A state of an exam that is open."""
    changes = more.pop("exam", {})
    mine = {f"exams/{SCAN}": exam(**{"instances": PROOFS, **changes})}
    return State(
        name=name,
        at=f"/scan/{SCAN}",
        says=says,
        answers={**mine, **more.pop("answers", {})},
        **more,
    )


def ended(name: str, says: str, *instances: dict[str, Any], **more: Any) -> State:
    """A state of an exam that has ended."""
    changes = {
        "progress": "ended",
        "ended_at": ago(minutes=1),
        "captures": len(instances),
        "instances": list(instances),
        **more.pop("exam", {}),
    }
    return of_exam(name, says, exam=changes, **more)


STATES = (
    State(
        name="exams",
        says="LINDQVIST, Astrid Maria",
        answers={
            "exams": [
                exam(14, **UNIDENTIFIED),
                exam(13, progress="ended", ended_at=ago(minutes=20), **UNIDENTIFIED),
                exam(11, progress="ended", ended_at=ago(hours=1), captures=7),
            ]
        },
    ),
    State(name="first-exam", says="OKAFOR, Chidi", answers={"exams": []}),
    State(
        name="no-probe",
        says="No probe is configured",
        answers={
            "status": status(probes=[], destinations=[]),
            "worklist": worklist(configured=False),
        },
    ),
    State(
        name="worklist-old",
        says="The worklist is not up to date",
        answers={"worklist": {**TODAY, "age_s": 4000, "problem": "ris does not answer"}},
    ),
    State(name="confirm", says="Is this the patient?", act=press("DOE, Jane")),
    State(
        name="type-a-patient",
        says="Give this: the archive files images by it.",
        act=lambda page: (press("Type a patient")(page), press("Start the exam")(page))[0],
    ),
    of_exam("live", "20 fps", act=keys()),
    of_exam(
        "frozen",
        "Frozen",
        act=keys(" "),
        answers={f"exams/{SCAN}/freeze": (201, freeze()), f"exams/{SCAN}/freeze/f1": {}},
    ),
    of_exam("unidentified", "Unidentified", act=keys(), exam=UNIDENTIFIED),
    of_exam(
        "not-recording",
        "NOT RECORDING",
        act=keys(),
        answers={"status": status(probes=[{**PROBE, "refusal": REFUSED}])},
    ),
    of_exam(
        "refused",
        "The disk refused a new file.",
        act=still_refused,
        answers={
            f"exams/{SCAN}/stills": (
                503,
                {"error": "the disk refused a new file", "remedy": "make room, then try again"},
            )
        },
    ),
    of_exam(
        "probe-not-reachable",
        "handheld is not reachable",
        node={"frames": False, "connected": False},
        answers={"status": status(probes=[{**PROBE, "connected": False}])},
    ),
    of_exam("no-frames", "handheld is connected and sends no images", node={"frames": False}),
    of_exam("live-picture-lost", "The live picture was lost", node={"socket": False}),
    of_exam(
        "pacs-down",
        "pacs down, 4 images wait safely here",
        act=keys(),
        answers={
            "status": status(
                destinations=[{**PACS, "contact": "not_reached", "deliveries": {"queued": 4}}]
            )
        },
    ),
    of_exam("clip-length", "Length of a clip", act=lambda page: press("Length of a clip")(page)),
    ended(
        "end-committed",
        "All 2 images are committed by pacs",
        instance(1, "committed"),
        instance(2, "committed", clip=True),
    ),
    ended(
        "end-under-way", "1 of 2 images are proved", instance(1, "committed"), instance(2, "sent")
    ),
    ended("end-held", "1 image is held for pacs", instance(1, "held", error="A900 refused")),
    ended(
        "end-unidentified",
        "1 image is stored here and waits for its patient",
        instance(1, "held"),
        exam=UNIDENTIFIED,
    ),
    ended(
        "end-pacs-down",
        "pacs is not reachable: 1 image waits safely here",
        instance(1, "queued"),
        answers={"status": status(destinations=[{**PACS, "contact": "not_reached"}])},
    ),
    State(
        name="unknown-exam",
        at="/scan/E99999999",
        says="This exam is not on this node",
    ),
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the console's files are."""
    with served(page_routes()) as browser:
        yield "http://{}:{}".format(*browser.server.address)


def usual() -> dict[str, Any]:
    return {
        "status": status(),
        "session": {"users": False, "setup": False, "user": None, "csrf": "", "locked": False},
        "exams": [exam(11, progress="ended", ended_at=ago(hours=1), captures=7)],
        "worklist": TODAY,
    }


def shown(visit: OpenPage, address: str, state: State) -> Page:
    node = ScriptedNode(answers={**usual(), **state.answers}, **state.node)
    page = visit(address).page
    node.serve(page)
    page.goto(f"{address}/#{state.at}")
    state.act(page)
    expect(page.get_by_text(state.says).first).to_be_visible()
    return page


# Those that differ from another state by a few words are looked at in `make long` alone.
FEW_WORDS = {
    "first-exam",
    "confirm",
    "type-a-patient",
    "no-frames",
    "clip-length",
    "end-unidentified",
    "end-pacs-down",
    "unknown-exam",
}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(
            state, id=state.name, marks=[pytest.mark.long] if state.name in FEW_WORDS else []
        )
        for state in STATES
    ],
)
def test_a_state_is_said_in_words(state: State, visit: OpenPage, address: str) -> None:
    """Seen by everyone: WCAG 2.2 AA by axe-core in both themes, and no screen is too narrow."""
    page = shown(visit, address, state)
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        assert accessibility_faults(page, contrast_alone=theme != "dark") == [], theme
        shoot(page, state.name, theme=theme)


def test_a_node_that_is_gone_is_said_on_the_start(visit: OpenPage, address: str) -> None:
    """What is old is marked, stays legible, and the page goes on by itself."""
    node = ScriptedNode(answers=usual())
    page = visit(address).page
    node.serve(page)
    page.goto(address)
    expect(page.get_by_text("OKAFOR, Chidi")).to_be_visible()
    node.silent = True
    gone = page.get_by_text("The node is not reachable")
    expect(gone).to_be_visible()
    assert accessibility_faults(page) == []
    shoot(page, "node-gone")
    node.silent = False
    expect(gone).to_be_hidden()


def test_report_and_share_stand_in_one_row_on_a_phone(visit: OpenPage, address: str) -> None:
    """A row of its own for one of them would be taken from the picture."""
    page = visit(address, size="phone").page
    mine = exam(instances=PROOFS)
    ScriptedNode(answers={**usual(), f"exams/{SCAN}": mine}).serve(page)
    page.goto(f"{address}/#/scan/{SCAN}")
    page.wait_for_selector("canvas[data-sequence]")
    report = page.get_by_role("button", name="Report").bounding_box()
    share = page.get_by_role("button", name="Share the live picture").bounding_box()
    assert report is not None
    assert share is not None
    assert report["y"] == pytest.approx(share["y"], abs=1)
    assert report["x"] + report["width"] <= share["x"] + 1


def test_a_capture_that_is_not_durable_yet_is_being_stored(visit: OpenPage, address: str) -> None:
    """It has its place in the exam, and nothing is said of it that only its object can tell."""
    unknown = dict.fromkeys(("sop_class_uid", "frames", "duration_s", "thumbnail"))
    unstored = {**instance(2, "sent"), **unknown, "deliveries": []}
    mine = exam(instances=[instance(1, "sent"), unstored])
    page = visit(address).page
    ScriptedNode(answers={**usual(), f"exams/{SCAN}": mine}).serve(page)
    page.goto(f"{address}/#/scan/{SCAN}")
    expect(page.locator(".capture").first).to_have_text("Storing…")
    expect(page.locator(".capture[data-uid]")).to_have_count(1)
    expect(page.locator(".capture[data-uid]")).to_contain_text("Sent")
    shoot(page, "capture-being-stored")


def test_silence_is_said_within_two_seconds_of_the_last_answer(
    visit: OpenPage, address: str
) -> None:
    """By the page's own clock, which this test moves: how busy the machine is changes nothing."""
    node = ScriptedNode(answers=usual())
    page = visit(address).page
    node.serve(page)
    page.clock.install(time=NOW - timedelta(seconds=1))
    page.clock.pause_at(NOW)
    page.goto(address)
    drawn = page.get_by_text("OKAFOR, Chidi")

    def is_drawn() -> bool:
        page.clock.run_for(20)  # a frame
        return drawn.is_visible()

    wait_until(is_drawn, timeout_s=60, what="the node's answers on the page")
    node.silent = True
    answered_ago = page.evaluate(
        "import('./console/core/state.js').then(m => performance.now() - m.state.answeredAt)"
    )
    gone = page.get_by_text("The node is not reachable")
    page.clock.run_for(1_000 - answered_ago)
    expect(gone).to_be_hidden()  # an answer may take a second
    page.clock.run_for(1_000)
    expect(gone).to_be_visible(timeout=1)


def test_a_picture_without_a_depth_has_a_scale_from_its_top_or_says_why_not(
    visit: OpenPage, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenIGTLink gives it: the size of a pixel, or not even that; by the keyboard as well."""
    answers = {**usual(), f"exams/{SCAN}": exam()}

    def scanned() -> Page:
        page = visit(address).page
        ScriptedNode(answers=answers).serve(page)
        page.goto(f"{address}/#/scan/{SCAN}")
        page.wait_for_selector("canvas[data-sequence]")
        return page

    monkeypatch.setitem(GEOMETRY, "depth_mm", None)
    expect(scanned().get_by_role("img", name="from the top of the picture")).to_be_visible()
    monkeypatch.setitem(GEOMETRY, "regions", [])
    for why, words in (
        ("not_given", "The sender does not give the size of a pixel."),
        ("not_believed", "does not say that it is a measured one"),
        ("skewed", "are not at right angles"),
        ("too_large", "would be larger than a metre"),
    ):
        monkeypatch.setitem(GEOMETRY, "no_scale", why)
        page = scanned()
        asking = page.get_by_role("button", name="No scale")
        assert least_side(asking) >= TARGET_PX
        assert accessibility_faults(page) == []
        asking.press("Enter")
        expect(page.get_by_role("dialog", name="Why there is no scale")).to_contain_text(words)
        assert accessibility_faults(page) == []
        if why == "not_believed":
            shoot(page, "no-scale")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(asking).to_be_focused()


@pytest.mark.parametrize(
    "behind", ["button.remove()", "button.style.visibility = 'hidden'", "button.disabled = true"]
)
def test_a_dialog_leaves_the_focus_on_the_screen_where_its_button_is_gone(
    visit: OpenPage, address: str, behind: str
) -> None:
    """The page goes on behind a dialog; who works by keys is not thrown back to its beginning."""
    page = visit(address).page
    ScriptedNode(answers={**usual(), f"exams/{SCAN}": exam()}).serve(page)
    page.goto(f"{address}/#/scan/{SCAN}")
    page.get_by_role("button", name="Length of a clip").press("Enter")
    expect(page.get_by_role("dialog", name="Length of a clip")).to_be_visible()
    # In one step, with what Escape leads to: the next drawing of the page brings the button back.
    page.locator("button[aria-label='Length of a clip']").evaluate(
        f"""button => {{
            {behind};
            const escape = new Event("cancel", {{ cancelable: true }});
            document.querySelector("dialog").dispatchEvent(escape);
        }}"""
    )
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#content")).to_be_focused()


ATTACKS = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "Doe\u202eenaJ^\u202dX",
    "{name} ${alert(1)} {{7*7}}",
    "W" * 3000,
)


# Two of them for every change, all in `make long`.
@pytest.mark.parametrize(
    "attack",
    [*ATTACKS[:2], *(pytest.param(each, marks=pytest.mark.long) for each in ATTACKS[2:])],
    ids=range(len(ATTACKS)),
)
def test_what_comes_over_the_network_is_text(attack: str, visit: OpenPage, address: str) -> None:
    """In every field that a RIS, an archive or a probe may fill; no script runs, nothing is cut."""
    harmful = dict.fromkeys(
        ("patient_id", "accession_number", "requested_procedure", "referring_physician"), attack
    )
    patient = {"id": attack, "issuer": "", "name": attack, "birth_date": attack, "sex": attack}
    mine = exam(
        patient=patient,
        accession_number=attack,
        instances=[instance(1, "held", error=attack)],
        progress="ended",
        ended_at=ago(minutes=1),
    )
    answers = {
        **usual(),
        "worklist": worklist(item(1, attack, **harmful), problem=attack),
        "exams": [mine],
        f"exams/{SCAN}": mine,
        "status": status(probes=[{**PROBE, "name": attack, "refusal": attack}]),
    }
    page = visit(address, size="phone").page
    ScriptedNode(answers=answers).serve(page)
    for at in ("/exams", f"/scan/{SCAN}"):
        page.goto("about:blank")
        page.goto(f"{address}/#{at}")
        page.wait_for_selector(".order, .verdict-card")
        assert not is_wider_than_screen(page)
        assert page.locator("main script, main img[onerror]").count() == 0
        assert "Doe" not in page.title()

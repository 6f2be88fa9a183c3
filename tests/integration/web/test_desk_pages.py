"""The outbox, the system and the set-up in a real browser: each state told, each action done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from echonode.web.outbox import Selection
from echonode.web.status import NodeStatus
from tests.acceptance.console.screens import DARK_FIRST, shoot
from tests.integration.web.desk_node import (
    NOW,
    PACS,
    PROBE,
    REFUSED,
    WAITS,
    WELL,
    DeskNode,
    alarm,
    desk,
    item,
    refused_item,
)
from tests.peers.accessibility import accessibility_faults
from tests.peers.console_page import SIZES, Visit, browser, visit
from tests.peers.fixtures import require_program

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]

LONG = "0xA700 out of resources: refused by the archive at pacs.radiology.hospital.example " * 3
AWAY = (
    "unreachable: BACKUP at 10.0.7.4:104: the machine answers, and nothing listens on the port "
    "(Connection refused)"
)
HELD = (
    "pacs: 5 deliveries are held; `echonode ledger --state held` says why, "
    "`echonode release --destination pacs --all` queues them again"
)
DROPPED = {"incomplete_on_the_wire": 12, "this_machine_too_slow": 20, "no_image_possible": 0}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser() as started:
        yield started


def held_node() -> DeskNode:
    """Three were refused by the archive, two wait for their patient."""
    node = DeskNode(replace(WELL, destinations=(replace(PACS, deliveries={"held": 5}),)))
    node.held = [REFUSED, WAITS]
    waits = {"state": "held", "held_for": WAITS, "last_error": WAITS["meaning"], "actions": []}
    node.lists["held"] = [*(refused_item(n) for n in (1, 2, 3)), item(4, **waits), item(5, **waits)]
    return node


@pytest.mark.parametrize(
    ("status", "colour", "words", "mark"),
    [
        (WELL, "good", "All is well", "Connected"),
        (
            replace(WELL, probes=(replace(PROBE, refusal="only 3% of the disk is free"),)),
            "bad",
            "NOT RECORDING: handheld",
            "Nothing is recorded: only 3% of the disk is free",
        ),
        (
            replace(WELL, problems=("2 captures wait in memory",)),
            "bad",
            "Not ready for an exam",
            "2 captures wait in memory",
        ),
        (replace(WELL, captures_lost=1), "bad", "1 capture lost", "1 capture was lost"),
        (
            replace(WELL, destinations=(replace(PACS, deliveries={}, contact="not_tried"),)),
            "good",
            "All is well",
            "pacs not tried yet",
        ),
        (
            replace(WELL, destinations=(replace(PACS, problem="no route", contact="not_reached"),)),
            "warn",
            "pacs not reachable; images are kept here meanwhile",
            "no route",
        ),
        (
            replace(WELL, alarms=(alarm("quarantine", "look into `quarantine`"),)),
            "bad",
            "1 alarm",
            "look into quarantine",
        ),
        (
            replace(WELL, probes=(replace(PROBE, connected=False),)),
            "warn",
            "Not connected: handheld",
            "Is the probe switched on",
        ),
        (
            replace(WELL, probes=(replace(PROBE, frames_dropped_by=DROPPED),)),
            "good",
            "All is well",
            "12: incomplete on the wire; 20: this machine was too slow",
        ),
    ],
)
def test_each_state_of_the_system_is_told(
    chromium: Browser, status: NodeStatus, colour: str, words: str, mark: str
) -> None:
    """One line for all of it, never green where something is not; the reason stands in a card."""
    with desk(DeskNode(status)) as address, visit(chromium, address) as person:
        page = person.open("/system")
        line = page.locator("#verdict .mark")
        expect(line).to_have_text(words)
        expect(line).to_have_class(re.compile(rf"\b{colour}\b"))
        expect(page.locator("main")).to_contain_text(mark)
        assert (person.faults, person.elsewhere) == ([], [])


def test_a_group_is_released_after_its_remedy_was_read(chromium: Browser) -> None:
    """Code, meaning and remedy first; then what will happen; then what came of each."""
    node = held_node()
    node.refuses = {node.lists["held"][1]["sop_instance_uid"]: "nothing to release"}
    with desk(node) as address, visit(chromium, address) as person:
        page = person.open("/outbox")
        group = page.locator("[data-reason='status:A900']")
        expect(group).to_contain_text("The archive answered A900")
        expect(group).to_contain_text("Correct what the log of ORTHANC names")
        expect(page.locator("[data-reason='patient'] button")).to_have_count(0)
        group.get_by_role("button").click()
        dialog = page.get_by_role("dialog", name="Release 3 images to pacs?")
        expect(dialog).to_contain_text("What it refuses again is held again")
        assert not [each for each in node.asked if each[0] == "release"]
        dialog.get_by_role("button", name="Release").click()
        expect(page.locator(".outbox-result")).to_contain_text("4 images released")
        expect(page.locator(".outbox-refusals")).to_contain_text("nothing to release")
    [(_, selection)] = [each for each in node.asked if each[0] == "release"]
    assert selection == Selection(destination="pacs", reason="status:A900")


def test_a_selection_is_acted_on_by_the_keyboard(chromium: Browser) -> None:
    """The bar offers what all of the selection has, and Escape leaves all as it is."""
    node = held_node()
    with desk(node) as address, visit(chromium, address) as person:
        page = person.open("/outbox")
        page.get_by_role("button", name="Held (5)").press("Enter")
        boxes = page.locator(".outbox-item input")
        expect(boxes).to_have_count(5)
        boxes.nth(0).press("Space")
        boxes.nth(2).press("Space")
        bar = page.locator(".outbox-bulk")
        expect(bar).to_contain_text("2 selected")
        bar.get_by_role("button", name="Release").press("Enter")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        boxes.nth(3).press("Space")
        expect(bar).to_contain_text("These have no action in common.")
        boxes.nth(3).press("Space")
        bar.get_by_role("button", name="Release").press("Enter")
        page.get_by_role("dialog").get_by_role("button", name="Release").press("Enter")
        expect(page.locator(".outbox-result")).to_contain_text("2 images released")
    [(_, selection)] = [each for each in node.asked if each[0] == "release"]
    uids = [node.lists["held"][n]["sop_instance_uid"] for n in (0, 2)]
    assert selection == Selection(uids=uids, destination="pacs")


def test_an_archive_that_is_away_is_called_now(chromium: Browser) -> None:
    """Its images wait safely; the pause counts down, and a person may end it."""
    away = replace(
        PACS, contact="not_reached", problem="unreachable: refused", deliveries={"queued": 3}
    )
    node = DeskNode(replace(WELL, destinations=(away,)))
    node.retry_in_s = 40
    with desk(node) as address, visit(chromium, address) as person:
        page = person.open("/outbox")
        panel = page.locator("[data-archive='pacs']")
        expect(panel).to_contain_text("Not reachable, 3 images wait safely here")
        expect(panel).to_contain_text(re.compile(r"Next call in (3\d|40) s"))
        panel.get_by_role("button", name="Call now").click()
        expect(page.locator(".outbox-result")).to_contain_text("pacs is called now")
    assert ("retry", Selection(destination="pacs")) in node.asked


def test_a_preflights_steps_are_seen_as_they_come(chromium: Browser) -> None:
    """Done, tried, still to come; in the end the remedy stands below what failed."""
    node = DeskNode()

    def step(name: str, ok: bool | None, detail: str = "", remedy: str = "") -> dict[str, Any]:
        return {"name": name, "ok": ok, "detail": detail, "remedy": remedy, "milliseconds": 3}

    def run(running: bool, *steps: dict[str, Any]) -> dict[str, Any]:
        failed = any(each["ok"] is False for each in steps)
        peer = {"peer": "pacs", "ok": not failed, "ae_title": "ORTHANC", "address": "10.0.7.4:104"}
        return {
            **node.run,
            "number": 1,
            "running": running,
            "ok": None if running else not failed,
            "ended_at": None if running else NOW.isoformat(),
            "peers": [{**peer, "purpose": "destination", "steps": list(steps)}],
        }

    with desk(node) as address, visit(chromium, address) as person:
        page = person.open("/system")
        button = page.get_by_role("button", name="Run the preflight")
        expect(button).to_be_enabled()
        node.run = run(True, step("tcp", True, "connected"), step("echo", None))
        button.click()
        peer = page.locator("[data-peer='pacs']")
        expect(peer.locator(".desk-step.done")).to_contain_text("Network (TCP)")
        expect(peer.locator(".desk-step.next")).to_contain_text("C-ECHO")
        node.run = run(
            False,
            step("tcp", True, "connected"),
            step("echo", False, "rejected", "ORTHANC does not know AE ECHONODE: add it there"),
        )
        expect(peer.locator(".desk-step.failed")).to_contain_text("add it there")
        expect(peer.get_by_role("button", name="Check again")).to_be_visible()
    assert ("preflight", None) in node.asked


def test_a_conflict_is_acknowledged_by_its_study(chromium: Browser) -> None:
    """After a question that names what is meant."""
    node = DeskNode(replace(WELL, alarms=(alarm("patient_conflict", "1 studies hold images"),)))
    node.conflicts = [{"kind": "study", "study_instance_uid": "1.2.840.7"}]
    with desk(node) as address, visit(chromium, address) as person:
        page = person.open("/system")
        page.get_by_role("button", name="I have seen it: 1.2.840.7").click()
        dialog = page.get_by_role("dialog", name="End this alarm?")
        expect(dialog).to_contain_text("1.2.840.7")
        dialog.get_by_role("button", name="I have seen it").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert ("acknowledge", "1.2.840.7") in node.asked


def test_a_new_node_begins_with_the_set_up(chromium: Browser) -> None:
    """Three steps, with the lines to add; each turns green by what the node sees."""
    node = DeskNode(replace(WELL, probes=(), destinations=()))
    with desk(node) as address, visit(chromium, address) as person:
        page = person.open("/")
        expect(page.get_by_role("heading", name="Set-up")).to_be_visible()
        assert page.url.endswith("#/first-start")
        probe, pacs = page.locator("[data-step='probe']"), page.locator("[data-step='archive']")
        expect(probe.locator("pre")).to_contain_text("dialect: kit")
        expect(pacs).to_contain_text("AE ECHONODE at 10.0.7.2:11112")
        pacs.get_by_label("AE title").fill("ORTHANC")
        pacs.get_by_label("Host or address").fill("10.0.7.4")
        expect(pacs.locator("pre")).to_contain_text('host: "10.0.7.4"')
        pacs.get_by_label("DICOM port").fill("99999")
        expect(pacs).to_contain_text("A number from 1 to 65535.")
        expect(pacs.locator("pre")).to_have_count(0)
        node.status = WELL
        expect(probe).to_have_attribute("data-state", "done")
        expect(pacs).to_have_attribute("data-state", "done")
        expect(page.locator("[data-step='check']")).to_have_attribute("data-state", "todo")
        page.goto(f"{address}/#/")
        expect(page.get_by_role("heading", name="Set-up")).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_at_any_size(chromium: Browser, size: str) -> None:
    """Desk, tablet, phone: no scrolling sideways, however long the words are."""
    node = held_node()
    node.status = replace(
        node.status,
        probes=(replace(PROBE, refusal=LONG + "x" * 300),),
        destinations=(replace(node.status.destinations[0], problem=LONG),),
        alarms=(alarm("disk", LONG),),
    )
    node.lists["held"][0]["last_error"] = LONG + "x" * 300
    with desk(node) as address, visit(chromium, address, size=size, theme="light") as person:
        page = person.open("/outbox")
        page.get_by_role("button", name="Held (5)").click()
        expect(page.locator(".outbox-item")).to_have_count(5)
        assert person.cut() == []
        person.open("/system")
        expect(page.locator(".system-card").first).to_be_visible()
        assert person.cut() == []


def test_a_node_that_does_not_answer_is_seen(chromium: Browser) -> None:
    """Within two seconds the page says so, marks what it shows as old, and its title too."""
    with visit_of_a_node_that_stops(chromium) as person:
        page = person.page
        expect(page.locator(".stale-banner")).to_contain_text("The node is not reachable")
        expect(page).to_have_title("(!) System · EchoNode")
        expect(page.locator("#verdict")).to_have_text("All is well")  # as it was, greyed
        expect(page.locator(".app.stale")).to_have_count(1)


@contextmanager
def visit_of_a_node_that_stops(chromium: Browser) -> Iterator[Visit]:
    """A visit whose node ended while the page was open."""
    with ExitStack() as running:
        address = running.enter_context(desk(DeskNode()))
        with visit(chromium, address) as person:
            person.open("/system").wait_for_selector("#verdict")
            running.close()
            yield person


@pytest.mark.parametrize("theme", DARK_FIRST)
def test_no_state_keeps_a_person_out(chromium: Browser, theme: str) -> None:
    """WCAG 2.2 AA by axe-core, in both themes: outbox, question, system, preflight, set-up."""
    busy = held_node()
    away = replace(
        PACS,
        name="backup",
        ae_title="BACKUP",
        contact="not_reached",
        problem=AWAY,
        heard_s=7300.0,
        last_report_s=7400.0,
    )
    busy.status = replace(
        WELL,
        destinations=(
            replace(PACS, deliveries={"held": 5, "queued": 2, "sending": 1, "commit_requested": 4}),
            replace(away, deliveries={"queued": 27}, oldest_unproved_s=7300),
        ),
        probes=(PROBE, replace(PROBE, name="second", refusal="only 3% of the disk is free")),
        alarms=(alarm("held:pacs", HELD),),
        minutes_of_cine=12,
        disk_free_percent=3.0,
    )
    busy.ris = {
        "worklist": {"peer": "ris", "items": 7, "age_s": 61, "problem": "", "missing": 1},
        "steps": {"peer": "ris", "waiting": 0, "given_up": 2, "problem": ""},
        "hl7": {"address": "0.0.0.0:2575"},
    }
    busy.retry_in_s = 23
    busy.run = finished_preflight(busy.run)
    with desk(busy) as address, visit(chromium, address, theme=theme) as person:
        page = person.open("/outbox")
        expect(page.locator("[data-archive='backup']")).to_be_visible()
        shoot(page, "outbox", theme=theme, documented="outbox")
        page.get_by_role("button", name="Held (5)").click()
        page.locator(".outbox-item input").first.check()
        expect(page.locator(".outbox-bulk")).to_be_visible()
        shoot(page, "outbox-selected", theme=theme)
        assert lasting_faults(page) == []
        page.locator(".outbox-bulk").get_by_role("button", name="Release").click()
        shoot(page, "outbox-release", theme=theme)
        assert lasting_faults(page) == []
        page = person.open("/system")
        expect(page.locator("[data-peer='backup'] .desk-step.failed")).to_be_visible()
        shoot(page, "system", theme=theme, documented="system")
        assert lasting_faults(page) == []
    new = DeskNode(replace(WELL, probes=(), destinations=()))
    with desk(new) as address, visit(chromium, address, theme=theme) as person:
        page = person.open("/first-start")
        expect(page.locator("[data-step='probe'] pre")).to_be_visible()
        shoot(page, "first-start", theme=theme, documented="first-start")
        assert lasting_faults(page) == []
        page = person.open("/outbox")
        expect(page.locator(".empty")).to_be_visible()
        shoot(page, "outbox-empty", theme=theme)
        assert lasting_faults(page) == []


def lasting_faults(page: Page) -> list[str]:
    """What axe-core finds, and finds again: on a busy machine the page may grey itself meanwhile,
    because it heard nothing of its node for two seconds."""
    found: list[str] = []
    for _ in range(4):
        expect(page.locator(".app.stale")).to_have_count(0)
        found = accessibility_faults(page)
        if not found:
            break
    return found


def finished_preflight(run: dict[str, Any]) -> dict[str, Any]:
    """One peer passed, one failed at its first step."""

    def step(name: str, ok: bool | None, detail: str, remedy: str = "") -> dict[str, Any]:
        return {"name": name, "ok": ok, "detail": detail, "remedy": remedy, "milliseconds": 12}

    whole = {"ae_title": "ORTHANC", "address": "10.0.7.4:104", "purpose": "destination"}
    passed = [step("tcp", True, "connected"), step("echo", True, "ORTHANC answers ECHONODE")]
    failed = [
        step("tcp", False, "Connection refused", "Start backup, or correct peers.backup.host"),
        step("contexts", None, "skipped: fix the step above first"),
    ]
    return {
        **run,
        "number": 1,
        "ok": False,
        "ended_at": NOW.isoformat(),
        "peers": [
            {**whole, "peer": "pacs", "ok": True, "steps": passed},
            {**whole, "peer": "backup", "ok": False, "steps": failed},
        ],
    }


def test_a_french_console_says_reasons_alarms_and_remedies_in_french(chromium: Browser) -> None:
    """What the node says in English is known there by its code; what is new stays English."""
    node = held_node()
    text = "pacs: asked for commitment 30 h ago, and no report came; it must be able to call us"
    node.status = replace(
        node.status,
        alarms=(alarm("unreported:pacs", text), alarm("novelty", "something that is new")),
    )
    with desk(node) as address, visit(chromium, address, locale="fr-FR") as person:
        page = person.open("/outbox")
        group = page.locator("[data-reason='status:A900']")
        expect(group).to_contain_text("les données ne correspondent pas à la classe SOP")
        expect(group).to_contain_text("Corrigez ce que nomme le journal de ORTHANC")
        expect(page.locator("[data-reason='patient']")).to_contain_text(
            re.compile("Identifiez l.examen")
        )
        page.get_by_role("button", name="Retenues (5)").click()
        expect(page.locator(".outbox-item").first).to_contain_text("les données ne correspondent")
        page = person.open("/system")
        told = page.locator("[data-alarm='unreported:pacs']")
        expect(told).to_contain_text("pacs : engagement demandé il y a 30 h, sans compte rendu")
        expect(page.locator("[data-alarm=novelty]")).to_contain_text("something that is new")

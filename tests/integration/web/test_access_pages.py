"""Set-up, log-in, lock and users in a real browser, on a real node that has no user yet."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.web.test_access import WORDS, Web
from tests.peers.accessibility import accessibility_faults
from tests.peers.console_page import SIZES, Visit, browser, visit
from tests.peers.fixtures import require_program
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]
PIN = "2580"
LOOKS = list(itertools.product(SIZES, ("dark", "light")))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def node() -> Iterator[Web]:
    """Reached from elsewhere, and locked after six seconds without a touch."""
    port = free_port()
    web = {"host": "0.0.0.0", "port": port, "lock_after_minutes": 0.1}
    with EchoNodeProcess(extra={"web": web}) as started:
        yield Web(started, port)


@pytest.fixture
def address(node: Web) -> str:
    return f"http://127.0.0.1:{node.port}"


@pytest.fixture
def staffed(node: Web, address: str) -> str:
    """The address of a node that has users, whichever test came before."""
    known = node.command("user", "list").stdout.split()
    for name, role in (("ada", "administrator"), ("vic", "viewer"), ("bot", "service")):
        if name not in known:
            added = node.command("user", "add", name, "--role", role, stdin=WORDS)
            assert added.returncode == 0, added.stderr
    return address


def look(person: Visit, name: str) -> None:
    """No fault of accessibility; kept as NAME.png where ECHONODE_SCREENSHOTS names a folder."""
    if folder := os.environ.get("ECHONODE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        person.page.screenshot(path=str(Path(folder) / f"{name}.png"))
    assert accessibility_faults(person.page) == [], name


def fill(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.locator(f"#{name.replace('_', '-')}").fill(text)


def looks(chromium: Browser, address: str, route: str, name: str, heading: str) -> None:
    """The page in each size and theme: nothing is cut, nothing comes from elsewhere."""
    for size, theme in LOOKS:
        with visit(chromium, address, size=size, theme=theme) as person:
            page = person.open(route)
            expect(page.locator("main h1")).to_have_text(heading)
            assert person.cut() == []
            look(person, f"{name}-{size}-{theme}")
            assert (person.faults, person.elsewhere) == ([], [])


def logged_in(person: Visit, name: str = "ada") -> Page:
    page = person.open("/users")
    fill(page, login_name=name, login_password=WORDS)
    page.locator("#login button[type=submit]").click()
    expect(page.locator("main.screen h1")).to_have_text("Users")
    return page


def test_the_whole_way_of_a_first_user(chromium: Browser, node: Web, address: str) -> None:
    """Set-up by the code, PIN, lock, return, a second user, log-out, log-in; by pages alone."""
    looks(chromium, address, "/exams", "setup", "Set up this node")
    code = node.node.wait_for("setup_code")["code"]
    with visit(chromium, address) as person:
        page = person.open("/users")
        fill(page, setup_code="AAAA-AAAA-AAAA-AAAA", setup_name="ada", setup_password=WORDS)
        page.locator("#setup button[type=submit]").click()
        expect(page.locator("#setup .banner")).to_contain_text("The set-up code is not right")
        fill(page, setup_code=code.lower(), setup_password="short")
        page.keyboard.press("Enter")
        expect(page.locator("#setup-password-error")).to_contain_text("at least 12 characters")
        fill(page, setup_code=code, setup_name="Ada", setup_password=WORDS)
        page.keyboard.press("Enter")
        # Where the person wanted to go, and not at a start page.
        expect(page.locator("main.screen h1")).to_have_text("Users")
        expect(page.locator("tbody")).to_contain_text("ada (you)")

        page.get_by_role("button", name="Settings").click()
        expect(page.locator("#account-title")).to_have_text(re.compile("ada.*Administrator"))
        page.get_by_role("button", name="Set a PIN").click()
        page.locator("#pin").fill("1234")
        page.keyboard.press("Enter")
        expect(page.locator("#pin-error")).to_contain_text("hard to guess")
        page.locator("#pin").fill(PIN)
        page.keyboard.press("Enter")
        expect(page.locator(".account .banner")).to_have_text("The PIN is set.")
        look(person, "account-desk-dark")
        page.keyboard.press("Escape")

        page.get_by_role("button", name="Lock").click()
        expect(page.locator("main h1")).to_have_text("Locked")
        expect(page.locator("tbody")).to_have_count(0)
        for digit in "1357":
            page.locator(".pad").get_by_role("button", name=digit, exact=True).click()
        page.locator(".pad-open").click()
        expect(page.locator("#unlock .banner")).to_contain_text("PIN is wrong")
        look(person, "lock-desk-dark")
        for digit in PIN:
            page.locator(".pad").get_by_role("button", name=digit, exact=True).click()
        page.locator(".pad-open").click()
        expect(page.locator("main.screen h1")).to_have_text("Users")
        expect(page.locator("tbody")).to_contain_text("ada (you)")

        page.get_by_role("button", name="Add a user").click()
        fill(page, add_name="vic", add_password=WORDS)
        page.locator("#add-role").select_option("viewer")
        page.locator("#add-form button[type=submit]").click()
        expect(page.locator("tbody")).to_contain_text("vic")
        page.get_by_role("button", name="Add a user").click()
        fill(page, add_name="bot")
        page.locator("#add-role").select_option("service")
        page.locator("#add-form button[type=submit]").click()
        token = page.locator(".token").inner_text().removeprefix("Authorization: Bearer ")
        look(person, "token-desk-dark")
        assert node.ask("GET", "/api/exams", Authorization=f"Bearer {token}").status == 200
        page.locator("dialog footer").get_by_role("button", name="Close").click()

        page.get_by_role("button", name="Settings").click()
        page.get_by_role("button", name="Log out").click()
        expect(page.locator("main h1")).to_have_text("Log in")
        fill(page, login_name="ada", login_password="not the password")
        page.keyboard.press("Enter")
        expect(page.locator("#login .banner")).to_contain_text("name or the password is wrong")
        fill(page, login_password=WORDS)
        page.keyboard.press("Enter")
        expect(page.locator("main.screen h1")).to_have_text("Users")
        assert (person.faults, person.elsewhere) == ([], [])
    looks(chromium, address, "/exams", "login", "Log in")


def test_a_page_that_no_one_touches_locks_itself(
    chromium: Browser, node: Web, address: str
) -> None:
    """After the configured time, on whatever screen; and the same screen comes back."""
    with visit(chromium, address) as person:
        page = logged_in(person)
        # Mouse and keyboard rest.
        expect(page.locator("main h1")).to_have_text("Locked", timeout=20_000)
        page.locator("#unlock-pin").fill(PIN)
        page.keyboard.press("Enter")
        expect(page.locator("main.screen h1")).to_have_text("Users")


def test_a_page_whose_log_in_has_ended_does_not_fail_to_lock(
    chromium: Browser, staffed: str
) -> None:
    """It was left, and its session ended elsewhere in that moment: it stands before the log-in."""
    with visit(chromium, staffed) as person:
        page = logged_in(person)
        page.context.clear_cookies()
        page.evaluate("import('./console/access/session.js').then(m => m.lock())")
        expect(page.locator("main h1")).to_have_text("Log in")
        assert person.faults == []


def test_a_disabled_user_stands_before_the_log_in(
    chromium: Browser, node: Web, address: str
) -> None:
    """In the page of another, within a second or two; and may no longer log in."""
    with visit(chromium, address) as ada, visit(chromium, address) as vic:
        page = vic.open("/exams")
        fill(page, login_name="vic", login_password=WORDS)
        page.keyboard.press("Enter")
        expect(page.locator("#search")).to_be_visible()
        expect(page.get_by_role("button", name="Scan now")).to_have_count(0)
        look(vic, "viewer-desk-dark")
        vic.page.goto(f"{address}/#/users")
        expect(page.locator("main")).to_contain_text("Only an administrator")
        users = logged_in(ada)
        users.get_by_role("button", name="Change vic").click()
        look(ada, "change-desk-dark")
        users.get_by_role("button", name="Disable").click()
        row = users.locator("tbody tr").filter(has=users.get_by_role("button", name="Change vic"))
        expect(row).to_contain_text("Disabled")
        expect(page.locator("main h1")).to_have_text("Log in")
        assert (ada.faults, vic.faults) == ([], [])


@pytest.mark.long
def test_users_and_lock_in_each_size_and_theme(chromium: Browser, staffed: str) -> None:
    """Nothing is cut; in French as well."""
    for size, theme in LOOKS:
        with visit(chromium, staffed, size=size, theme=theme) as person:
            page = logged_in(person)
            expect(page.locator("tbody")).to_contain_text("bot")
            assert person.cut() == []
            look(person, f"users-{size}-{theme}")
            if theme == "light":
                page.get_by_role("button", name="Settings").click()
                page.locator("label", has_text="Français").click()
                expect(page.locator("#settings-title")).to_have_text("Réglages")
                look(person, f"account-{size}-{theme}")
                page.keyboard.press("Escape")
            page.locator(".app-buttons button").first.click()
            expect(page.locator("main h1")).to_have_text(re.compile("Locked|Verrouillé"))
            assert person.cut() == []
            look(person, f"lock-{size}-{theme}")
            assert person.faults == []

"""Scenario 37: strings that attack, in each field that a stranger fills, on each screen and route.

Screens come from the console's own list, routes from its OpenAPI document: a new one is visited
without a change here.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

from tests.acceptance.console.screens import THEMES, is_wider_than_screen
from tests.acceptance.exam_client import ExamClient, Refused
from tests.peers.accessibility import accessibility_faults
from tests.peers.console_page import SIZES, Visit, browser, visit
from tests.peers.dcmtk import dcmtk
from tests.peers.fixtures import require_program
from tests.peers.instances import InstanceKind, build_dataset
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.ris import Wlmscpfs, write_item
from tests.peers.targets import small_targets
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.peers, pytest.mark.timeout(400)]

CANARY = "CANARY37"
SCRIPT = "window.__hit=1;alert(1)"
# Each with the canary that must be in no log, title or address.
HOSTILE = (
    f"<script>{SCRIPT}</script>{CANARY}",
    f"<img src=x onerror='{SCRIPT}'>{CANARY}",
    f'"><svg onload="{SCRIPT}">{CANARY}',
    f"javascript:{SCRIPT}//{CANARY}",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}" + CANARY,
    f"{CANARY}\u202egnp.exe\u2066\u2069\u200f",
    f"{CANARY}\u05e9\u05dc\u05d5\u05dd \u0645\u062d\u0645\u062f",
    f"{CANARY}\x07\x08\x1b[31m\x7f\x9b",
    f"{CANARY}\r\nSet-Cookie: a=b",
    f"{CANARY}\x00after",
    f"'; DROP TABLE delivery; --{CANARY}",
    f"../../../../etc/passwd{CANARY}",
)
# 200 values: what a parser may begin, and what it may stand behind.
BEGUN = ("x", '"', "'", "-->", "</td>", "</script>", "</style><", "\\", "\u202e", "&lt;")
VALUES = (
    *HOSTILE,
    *(
        f"{begun}{attack}{CANARY}"
        for begun in BEGUN
        for attack in (
            f"<script>{SCRIPT}</script>",
            f"<img src=x onerror={SCRIPT}>",
            f"<svg/onload={SCRIPT}>",
            f"<iframe srcdoc='<script>parent.{SCRIPT}</script>'>",
            f"<a href=javascript:{SCRIPT}>x</a>",
            f"<details open ontoggle={SCRIPT}>",
            f"<math><mtext><style><img src=x onerror={SCRIPT}>",
            f"<body onload={SCRIPT}>",
            f"<object data=javascript:{SCRIPT}>",
            "<base href=//elsewhere.example/><script src=x></script>",
            "<meta http-equiv=refresh content=0;url=//elsewhere.example>",
            "<link rel=stylesheet href=//elsewhere.example/x.css>",
            "<style>*{background:url(//elsewhere.example/x)}</style>",
            "<form action=//elsewhere.example><input name=q autofocus>",
            "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
            '=HYPERLINK("//elsewhere.example")',
            "%3Cscript%3E%0d%0aSet-Cookie:a=b",
            "&#60;script&#62;\u2028\u2029",
            "\x1b]0;x\x07\x1b[2J",
        )
    ),
)[:200]
LONG = CANARY + "W" * 60_000
# An AE title has 16 characters; it may hold any of the ASCII alphabet but the backslash.
HOSTILE_AE = "<img src=x>&'\""
TURNS = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066\u2067]")


def write_image(path: Path, number: int, text: str) -> str:
    """An image whose every text that a person reads is `text`; its study."""
    ds = build_dataset(InstanceKind(name="small", columns=32, rows=32))
    ds.SOPInstanceUID, ds.StudyInstanceUID = generate_uid(), generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (
        *("PatientName", "StudyDescription", "SeriesDescription", "ReferringPhysicianName"),
        *("AccessionNumber", "PatientID", "StudyID", "InstitutionName", "Manufacturer"),
        *("OperatorsName", "ImageComments", "BodyPartExamined", "PatientComments"),
    ):
        ds.add_new(keyword, _vr(keyword), text)
    ds.PatientID = f"{number}-{text}"[:60_000]
    ds.save_as(path, enforce_file_format=True)
    return str(ds.StudyInstanceUID)


def _vr(keyword: str) -> str:
    names = ("PatientName", "ReferringPhysicianName", "OperatorsName")
    return "PN" if keyword in names else "LT" if "Comments" in keyword else "LO"


def order(number: int, text: str) -> Dataset:
    """A worklist item that is `text` wherever the RIS may write."""
    item, step = Dataset(), Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.PatientName, item.PatientID = text, f"{number}{text}"[:64]
    item.AccessionNumber = f"A{number}"
    item.RequestedProcedureID, item.RequestedProcedureDescription = f"R{number}", text[:64]
    item.StudyInstanceUID = generate_uid()
    step.Modality, step.ScheduledStationAETitle = "US", "ECHONODE"
    step.ScheduledProcedureStepStartDate = time.strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime = "080000"
    step.ScheduledProcedureStepID, step.ScheduledProcedureStepDescription = "S1", text[:64]
    item.ScheduledProcedureStepSequence = [step]
    return item


class Target:
    """A node that strangers have written to in every way there is."""

    def __init__(self, parts: ExitStack, folder: Path) -> None:
        self.probe = parts.enter_context(
            ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "10")
        )
        ris = parts.enter_context(Wlmscpfs())
        with disable_value_validation():
            for number, text in enumerate(HOSTILE):
                write_item(ris.items, order(number, text))
        self.client = ExamClient(free_port())
        nowhere = {"ae_title": HOSTILE_AE, "host": LOOPBACK, "port": free_port(), "may": []}
        self.node = EchoNodeProcess(
            peers={
                "scanner": {**nowhere, "ae_title": "SCANNER", "may": ["echo", "store"]},
                "pacs": {**nowhere, "may": ["echo", "commit"]},
                "ris": {**nowhere, "ae_title": ris.ae_title, "port": ris.port},
            },
            destinations=[{"peer": "pacs", "commitment": "required"}],
            probes=[
                {
                    "name": "handheld",
                    "protocol": "echopen",
                    "dialect": "kit",
                    "connect": f"{LOOPBACK}:{self.probe.port}",
                    "capture": {"mode": "manual"},
                }
            ],
            extra={
                "web": {"port": self.client.port},
                "forwarding": [{"from": "scanner", "to": "pacs"}],
                "worklist": {"peer": "ris", "station_ae_title": "ECHONODE", "refresh_s": 60},
            },
        )
        parts.enter_context(self.node)
        self._store(folder)
        self._write()

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.client.port}"

    def store(self, folder: Path, texts: Sequence[str]) -> list[str]:
        """An image with each text in all its fields, over the network; their studies."""
        with disable_value_validation():
            studies = [
                write_image(folder / f"{number:03}.dcm", number, text)
                for number, text in enumerate(texts)
            ]
        sent = dcmtk(
            *("storescu", "-aet", "SCANNER", "-aec", "ECHONODE", LOOPBACK, self.node.port),
            *("--scan-directories", folder),
        )
        assert sent.ok, sent.output
        return studies

    def _store(self, folder: Path) -> None:
        """Over the network, as any scanner may."""
        self.store(folder, [*HOSTILE, LONG])
        # Strangers whose name is an attack: rejected, and in the log.
        dcmtk("echoscu", "-aet", HOSTILE_AE, "-aec", "<b>nobody</b>", LOOPBACK, self.node.port)

    def _write(self) -> None:
        """By the API, as any person with the tablet may."""
        wait_until(
            lambda: self.client.get("/api/status")["probes"][0]["frames_received"] > 0,
            "a frame of the probe",
        )
        for text in HOSTILE:
            for patient in ({"id": text, "name": text}, {"id": "P" + str(len(text)), "name": text}):
                try:
                    exam = self.client.open(patient=patient)
                except Refused:
                    continue  # refused in words is as good
                self.client.first_still(exam)
                self.client.post(f"/api/exams/{exam}/end")
        for path in ("/api/exams", "/api/outbox/hold", "/api/worklist/search", "/api/preflight"):
            for text in HOSTILE:
                with pytest.raises(Refused):
                    self.client.post(path, **{text: text})
        uids = [row["sop_instance_uid"] for row in self.node.ledger()]
        self.client.post("/api/outbox/hold", uids=uids[: len(uids) // 2])

    @cached_property
    def values(self) -> Mapping[str, list[str]]:
        """For each parameter of a route of a screen or of the API: real ones, and an attack."""
        rows = self.node.ledger()
        exams = [str(each["id"]) for each in self.client.get("/api/exams")]
        studies = list(dict.fromkeys(str(row["study_instance_uid"]) for row in rows))
        uids = [str(row["sop_instance_uid"]) for row in rows]
        attack = HOSTILE[0]
        return {
            "exam": [*exams[:4], attack],
            "study": [*studies[:3], studies[-1], attack],
            "uid": [uids[0], uids[-1], attack],
            "instance": [uids[0], uids[-1], attack],
            "probe": ["handheld", attack],
            "name": ["handheld", attack],
            "destination": ["pacs", attack],
            "action": ["hold", attack],
        }

    def routes(self, page: Page) -> list[str]:
        """The address of each screen, with each value of its parameters."""
        found = page.evaluate(
            "import('./console/screens.js').then(m => m.screens.map(each => each.route))"
        )
        assert len(found) >= 3
        return [filled for route in found for filled in self.filled(route, r":(\w+)")]

    def one_of_each(self, page: Page) -> list[str]:
        """The address of each screen once, with real values."""
        found = page.evaluate(
            "import('./console/screens.js').then(m => m.screens.map(each => each.route))"
        )
        assert len(found) >= 12
        return [self.filled(route, r":(\w+)")[0] for route in found]

    def filled(self, route: str, parameter: str) -> list[str]:
        """The route with each of some values of its parameters."""
        found = re.search(parameter, route)
        if found is None:
            return [route]
        begin, end = route[: found.start()], route[found.end() :]
        values = self.values.get(found[1], ["1", HOSTILE[0]])
        rests = self.filled(end, parameter)
        return [f"{begin}{quote(each, safe='')}{rest}" for each in values for rest in rests][:12]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_program("chromium")
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with ExitStack() as parts:
        yield Target(parts, tmp_path_factory.mktemp("hostile"))


def wait_drawn(page: Page) -> None:
    """Until what the screen asks for is there, or it says why not."""
    page.wait_for_selector("main#content > *, [role=alert]")
    page.wait_for_function("() => !document.querySelector('main .skeleton')")


@pytest.mark.parametrize(("size", "theme"), [("desk", "dark"), ("phone", "light")])
def test_no_screen_runs_or_hides_what_strangers_wrote(
    target: Target, chromium: Browser, size: str, theme: str
) -> None:
    """No script, no request elsewhere, no markup, no text that turns; and the layout holds."""
    assert size in SIZES
    with visit(chromium, target.address, size=size, theme=theme) as person:
        page = person.page
        page.goto(f"{target.address}/#/system")
        wait_drawn(page)
        seen = 0
        for route in target.routes(page):
            page.goto(f"{target.address}/#{route}")
            wait_drawn(page)
            _check(person, route)
            _open_all(person, route)
            seen += CANARY in page.locator("body").inner_text()
        assert seen >= 1, "the attacks are on no screen: this test shows nothing"


@pytest.mark.parametrize(("size", "language"), [("desk", "en"), ("phone", "fr")])
def test_no_dialog_runs_or_hides_what_strangers_wrote(
    target: Target, chromium: Browser, size: str, language: str
) -> None:
    """Share, identify and its doubt, the end, a measurement, download, correct: an exam's way."""
    for left in target.client.get("/api/exams?open=true"):
        target.client.post(f"/api/exams/{left['id']}/end")
    listed = [str(each["patient_id"]) for each in target.client.get("/api/worklist")["items"]]
    like = next(each for each in listed if "<script>" in each)
    exam = target.client.open()
    with visit(chromium, target.address, size=size) as person:
        page = person.page
        settings = json.dumps({"language": language, "theme": "dark"})
        page.add_init_script(f"localStorage.setItem('echonode.settings', {json.dumps(settings)})")
        asked = Asked(person)

        page.goto(f"{target.address}/#/scan/{exam}")
        asked.open("Share the live picture", "Partager", dialog="share")
        asked.press("Make", "Créer", within="share")
        page.wait_for_selector("#share-url")
        asked.close()
        asked.open("Identify", "Identifier", dialog="identify")
        page.wait_for_selector("dialog[open] .candidate")
        assert CANARY in asked.text()
        page.locator("dialog[open] input[type=radio]").last.check(force=True)
        _type_patient(page, identifier=like, name=f"<script>alert(1)</script>{CANARY}")
        asked.press("Identify", "Identifier", within="identify")
        page.wait_for_selector("dialog[open][data-dialog=doubt]")
        asked.check()
        assert CANARY in asked.text()
        page.locator("dialog[open] footer button").last.click()  # another person: kept as typed
        page.wait_for_selector("dialog[open]", state="detached")
        uid = target.client.first_still(exam)
        page.get_by_role("button", name=re.compile("^(End exam|Terminer)")).click()
        page.wait_for_selector(".verdict-card")
        asked.check()
        assert CANARY in page.locator("main").inner_text()

        _measure(target.client, uid)
        page.goto(f"{target.address}/#/review/{uid}")
        wait_drawn(page)
        assert CANARY in page.locator(".measured-name").first.inner_text()
        asked.check()
        asked.open("Download", "Télécharger", dialog="download")
        asked.close()
        asked.open("Correct", "Corriger", dialog="correct")
        asked.check()  # with the worklist in it
        page.locator("dialog[open] input[type=radio][value=hand]").check(force=True)
        _type_patient(page, identifier=HOSTILE[7], name=HOSTILE[5])
        asked.press("Reject and replace", "Rejeter et remplacer", within="correct")
        page.wait_for_selector("dialog[open] .wrong-words, dialog[open] [role=alert]")
        asked.check()


class Asked:
    """The dialogs of one page; every one is checked as it stands."""

    def __init__(self, person: Visit) -> None:
        self._person, self._page = person, person.page

    def check(self) -> None:
        _check(self._person, self._page.url)

    def text(self) -> str:
        return self._page.locator("dialog[open]").inner_text()

    def open(self, *names: str, dialog: str) -> None:
        """By its button, in whichever language it is."""
        self._named("main, header", names).first.click()
        self._page.wait_for_selector(f"dialog[open][data-dialog={dialog}]")
        self.check()

    def press(self, *names: str, within: str) -> None:
        self._named(f"dialog[open][data-dialog={within}] footer", names).first.click()

    def close(self) -> None:
        self.check()
        self._page.keyboard.press("Escape")
        self._page.wait_for_selector("dialog[open]", state="detached")

    def _named(self, where: str, names: Sequence[str]) -> Locator:
        pattern = re.compile("^(" + "|".join(names) + ")")
        return self._page.locator(where).get_by_role("button", name=pattern)


def _type_patient(page: Page, *, identifier: str, name: str) -> None:
    fields = page.locator("dialog[open] .field input:not([type=radio])")
    for at, text in enumerate((identifier, name)):
        fields.nth(at).fill(text)


def _measure(client: ExamClient, uid: str) -> None:
    """A distance within the picture, under a label that attacks."""
    region = client.get(f"/api/instances/{uid}")["regions"][0]
    left, top, right, bottom = (region[each] for each in ("x0", "y0", "x1", "y1"))
    middle, down = (left + right) / 2, (top + bottom) / 2
    client.post(
        f"/api/instances/{uid}/measurements",
        sop_instance_uid=uid,
        frame=1,
        kind="distance",
        points=[[middle, down], [middle + 5, down + 5]],
        label=HOSTILE[0][:64],
    )


def _open_all(person: Visit, route: str) -> None:
    """What a screen shows only when asked: lists and folded parts; nothing that changes a thing."""
    page = person.page
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    for index in range(6):
        folded = page.query_selector_all("main [aria-expanded=false]")
        if index >= len(folded):
            break
        folded[index].evaluate("each => each.click()")
        wait_drawn(page)
        _check(person, route)


def _check(person: Visit, route: str) -> None:
    page = person.page
    assert person.faults == [], route
    assert person.elsewhere == [], route
    assert page.evaluate("window.__hit") is None, route
    made = page.evaluate(
        "[...document.querySelectorAll('script, iframe, object, [onerror], [onload]')]"
        ".map(each => each.outerHTML)"
    )
    assert all("console/" in each for each in made), (route, made)
    assert page.locator("img[src='x']").count() == 0, route
    assert not TURNS.search(page.locator("body").inner_text()), route
    assert CANARY not in page.title(), route
    assert CANARY not in page.url or quote("<script>", safe="") in page.url, route
    assert person.cut() == [], route
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height < 60_000, (route, height)


@pytest.mark.parametrize("theme", THEMES)
def test_each_screen_of_the_consoles_list_is_for_everyone(
    target: Target, chromium: Browser, theme: str
) -> None:
    """WCAG 2.2 AA by axe-core, 44 px for a finger; and turned from right to left nothing is cut.

    With what strangers wrote on it: a new screen is in this test without a change here.
    """
    with visit(chromium, target.address, size="tablet", theme=theme) as person:
        page = person.page
        page.goto(f"{target.address}/#/system")
        wait_drawn(page)
        found: list[tuple[str, object]] = []
        for route in target.one_of_each(page):
            page.set_viewport_size({"width": 800, "height": 1280})
            page.goto(f"{target.address}/#{route}")
            wait_drawn(page)
            found += ((route, fault) for fault in accessibility_faults(page))
            found += ((route, small) for small in small_targets(page))
            page.set_viewport_size({"width": 390, "height": 844})
            found += ((route, small) for small in small_targets(page))
            page.evaluate("document.documentElement.dir = 'rtl'")
            if is_wider_than_screen(page):
                found.append((route, "cut from right to left"))
            page.evaluate("document.documentElement.dir = 'ltr'")
        assert not found, "\n".join(map(str, found))


@pytest.mark.timeout(900)
def test_two_hundred_values_in_every_field_of_an_image_do_nothing(
    target: Target, chromium: Browser, tmp_path: Path
) -> None:
    """Each in every text of an image of its own: in the list of studies, and on a study's page."""
    assert len(set(VALUES)) == 200
    studies = target.store(tmp_path, VALUES)
    with visit(chromium, target.address, size="phone") as person:
        page = person.page
        page.goto(f"{target.address}/#/archive")
        wait_drawn(page)
        more = page.get_by_role("button", name="Show more")
        while more.count():
            rows = page.locator("tbody tr").count()
            more.click()
            page.wait_for_function(
                "rows => document.querySelectorAll('tbody tr').length > rows", arg=rows
            )
        assert page.locator("tbody tr").count() >= len(VALUES)
        _check(person, "/archive")
        for study in studies:
            page.goto(f"{target.address}/#/archive/{study}")
            wait_drawn(page)
            _check(person, study)


def test_no_answer_of_the_api_is_markup(target: Target) -> None:
    """JSON, pictures and files, each with the headers that keep a browser from guessing."""
    document = target.client.get("/api/openapi.json")
    asked = 0
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        for filled in target.filled(path, r"\{(\w+)\}"):
            status, headers = head_of(target.client.port, filled)
            asked += 1
            assert status < 500, (filled, status)
            assert headers["x-content-type-options"] == "nosniff", filled
            assert "html" not in headers.get("content-type", ""), filled
            assert headers["content-security-policy"].startswith("default-src 'none'"), filled
    assert asked > 10


def head_of(port: int, path: str) -> tuple[int, dict[str, str]]:
    """Status and headers of a GET; a picture that never ends is not read."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def test_each_line_of_the_log_is_one_and_names_no_patient(target: Target) -> None:
    """An attack in a name ends no line, and is in none."""
    lines = [json.dumps(event, ensure_ascii=False) for event in target.node.events]
    assert len(lines) > 10
    assert [line for line in lines if CANARY in line] == []
    metrics = http.client.HTTPConnection(LOOPBACK, target.client.port, timeout=30)
    metrics.request("GET", "/metrics")
    assert CANARY.encode() not in metrics.getresponse().read()
    metrics.close()


# --- a page of another origin ---

ATTACK = Path(__file__).with_name("attack.html").read_text()


@contextmanager
def other_site(node: str) -> Iterator[str]:
    """A page of another origin on this machine, as one that a tablet visits may be."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ATTACK.replace("NODE", node).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def test_a_page_of_another_origin_gets_nothing(target: Target, chromium: Browser) -> None:
    """It reads nothing, changes nothing, opens no WebSocket, and embeds no picture or script."""
    before = len(target.client.get("/api/exams"))
    context = chromium.new_context()
    try:
        page = context.new_page()
        with other_site(target.address) as site:
            page.goto(site)
            page.wait_for_function("document.title === 'done'", timeout=60_000)
            said = page.evaluate("window.said")
    finally:
        context.close()
    assert len(said) == 7
    assert all(value.startswith("refused") for value in said.values()), said
    assert len(target.client.get("/api/exams")) == before

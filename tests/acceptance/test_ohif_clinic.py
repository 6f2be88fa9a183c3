"""OHIF in a clinic: the film of a probe at its rate, and an upload that reaches the archive."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from echonode.probe.recordings.echopen_text import read_recording
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from tests.acceptance.clinic import Clinic, dataset_sha256
from tests.peers.fixtures import give_up, require_program
from tests.peers.instances import STILL, make_instances
from tests.peers.ohif import FIRST_VIEWPORT, Ohif, drawing_browser, poll, viewer_dir
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import PeerMissing
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(300)]

FILM = "probe/echopen_film_envelope_101frames.tar.xz"
FPS, FRAMES = 8.0, 24
RATES = "() => Object.values(services.cineService.getState().cines).map(each => each.frameRate)"
# When which frame came on the screen, and how often the page's timers are to fire.
WATCH = f"""() => {{
  const seen = globalThis.seen = [], timers = globalThis.timers = [];
  const setTimer = globalThis.setInterval.bind(globalThis);
  globalThis.setInterval = (work, milliseconds, ...more) => {{
    timers.push(milliseconds);
    return setTimer(work, milliseconds, ...more);
  }};
  let last = {FIRST_VIEWPORT}.getCurrentImageIdIndex();
  const look = now => {{
    const index = {FIRST_VIEWPORT}.getCurrentImageIdIndex();
    if (index !== last) seen.push([now, index]);
    last = index;
    requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}}"""


class Room:
    """A probe whose film is stored, a node that forwards what is uploaded, a PACS, and OHIF."""

    def __init__(self, parts: ExitStack, shared_data: Path) -> None:
        require_program("Orthanc")
        web_port, viewer_port = free_port(), free_port()
        recording = read_recording(shared_data / FILM)
        self.probe = ProbeSimulator(recording, fps=FPS, frames=FRAMES)
        self.clinic = Clinic(
            parts,
            probe_port=self.probe.address[1],
            capture={"mode": "auto", "gap_s": 1.0, "max_clip_s": 20.0},
            extra={
                "web": {
                    "host": LOOPBACK,
                    "port": web_port,
                    "viewer_port": viewer_port,
                    "viewer_dir": str(viewer_dir()),
                },
                "forwarding": [{"from": "dicomweb", "to": ["pacs"]}],
            },
        )
        self.clinic.start_pacs()
        self.clinic.start_node()
        self.url = f"http://{LOOPBACK}:{web_port}/dicom-web"
        parts.enter_context(self.probe)
        browser = parts.enter_context(drawing_browser())
        self.ohif = Ohif(browser, f"http://{LOOPBACK}:{viewer_port}")

    def found(self, query: str) -> list[dict[str, dict[str, Any]]]:
        """Instances."""
        listed: list[dict[str, dict[str, Any]]] = requests.get(
            f"{self.url}/instances?{query}", timeout=30
        ).json()
        return listed


@pytest.fixture(scope="module")
def room(shared_data: Path) -> Iterator[Room]:
    require_program("chromium")
    try:
        viewer_dir()
    except PeerMissing as missing:
        give_up(missing)
    with ExitStack() as parts:
        yield Room(parts, shared_data)


def value(found: dict[str, dict[str, Any]], tag: str) -> Any:
    return found[tag]["Value"][0]


def test_the_film_of_the_probe_is_played_at_its_rate(room: Room) -> None:
    """The player is set to the rate at which the probe sent its frames, turns to the next frame
    as often, and never sooner. How many it draws depends on the machine's graphics.
    """
    assert room.probe.finished.wait(60)
    wait_until(lambda: bool(room.found("Modality=US")), "the film is stored", timeout_s=60)
    (film,) = room.found("Modality=US&includefield=FrameTimeVector")
    assert value(film, "00280008") == FRAMES
    address = value(film, "00081190")
    (metadata,) = requests.get(f"{address}/metadata", timeout=30).json()
    # Frames that came evenly have one Frame Time for all, others a Frame Time Vector.
    steps_ms = (
        [value(metadata, "00181063")]
        if "00181063" in metadata
        else metadata["00181065"]["Value"][1:]
    )
    rate = 1000 / statistics.mean(steps_ms)
    assert rate == pytest.approx(FPS, rel=0.1)
    page = room.ohif.open_study(value(film, "0020000D"), frames=FRAMES)
    poll(page, f"({RATES})().length")
    assert page.evaluate(RATES) == [pytest.approx(rate, rel=0.05)]
    page.evaluate(WATCH)
    page.click('[data-cy="cine-player-play-pause"]')
    poll(page, f"seen.length > {FRAMES}")
    seen = page.evaluate("() => seen")
    shown_ms = [
        (later - sooner) / ((to - of) % FRAMES)
        for (sooner, of), (later, to) in itertools.pairwise(seen)
    ]
    print(f"sent at {rate:.2f}/s, shown at {1000 / statistics.median(shown_ms):.2f}/s")
    assert pytest.approx(1000 / rate, rel=0.05) in page.evaluate("() => timers")
    assert statistics.median(shown_ms) > 0.85 * 1000 / rate
    assert room.ohif.policy_faults == []
    page.context.close()


def test_an_uploaded_file_arrives_and_is_promised(room: Room, tmp_path: Path) -> None:
    """By the page's own form: the node keeps it, says so when it is asked for storage commitment,
    sends it on, and has the promise of the archive; all of it byte for byte.
    """
    images = make_instances(tmp_path, STILL, 1)
    (uid,), (path,) = images.sop_instance_uids, images.files
    page = room.ohif.open("/")
    page.click("text=Upload")
    page.locator("input[type=file]:not([webkitdirectory])").set_input_files(path)
    wait_until(lambda: bool(room.found(f"SOPInstanceUID={uid}")), "it is stored", timeout_s=60)
    page.context.close()
    assert dataset_sha256(room.clinic.held_here()[uid]) == dataset_sha256(path)

    rest = room.clinic.orthanc.rest
    sop_class = str(dcmread(path, stop_before_pixels=True).SOPClassUID)
    transaction = rest.request_commitment("echonode", [(sop_class, uid)])
    wait_until(
        lambda: rest.commitment_report(transaction)["Status"] != "Pending",
        "the report reaches the archive",
    )
    assert rest.commitment_report(transaction)["Status"] == "Success"

    def state() -> str:
        rows = [row for row in room.clinic.node.ledger() if row["sop_instance_uid"] == uid]
        return str(rows[0]["state"]) if rows else ""

    wait_until(lambda: state() == "committed", state, timeout_s=60, every_s=0.5)
    assert dataset_sha256(room.clinic.held_by_pacs()[uid]) == dataset_sha256(path)
    stored = dcmread(room.clinic.held_here()[uid], stop_before_pixels=True)
    assert stored.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian

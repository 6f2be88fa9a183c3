"""The live picture of a real node: what is shown and to which watchers; it is what is stored."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import simplejpeg
from websockets.exceptions import InvalidStatus

from echonode.web.live.qr_code import qr_rows
from tests.acceptance.exam_client import Refused
from tests.docs.blocks import ROOT, blocks_of
from tests.integration.web.live_room import Room, live_room
from tests.peers.numbered_probe import number_in
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.timeout(120)]

FPS = 40.0


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with live_room(FPS) as opened:
        yield opened


@pytest.fixture
def exam(room: Room) -> Iterator[str]:
    """An open exam at `handheld`."""
    opened = room.client.open(patient={"id": "P-1", "name": "Doe^Jane"})
    yield opened
    room.client.post(f"/api/exams/{opened}/end")


def test_pictures_come_with_number_time_and_geometry(room: Room) -> None:
    """Each names its frame; the numbers rise by what the pictures' own numbers rise by."""
    with room.viewer() as viewer:
        shown = [viewer.next() for _ in range(20)]
        now_us = time.time() * 1e6
        while viewer.next_state()["fps"] == 0:
            pass
    firsts = {each.sequence - number_in(each.pixels()) for each in shown}
    assert len(firsts) == 1
    assert [each.sequence for each in shown] == sorted({each.sequence for each in shown})
    assert all(now_us - 20e6 < each.captured_at_us <= now_us for each in shown)
    assert {(each.width, each.height) for each in shown} == {(640, 480)}
    geometry = viewer.geometries[shown[-1].geometry]
    assert geometry["regions"] == [
        {
            "x0": 0,
            "y0": 0,
            "x1": 639,
            "y1": 479,
            "physical_delta_x_mm": pytest.approx(0.2),
            "physical_delta_y_mm": pytest.approx(0.2),
        }
    ]
    assert viewer.states[-1]["connected"] is True


def test_what_is_shown_is_what_is_stored(room: Room, exam: str) -> None:
    """100 of 100: the still has every pixel of the frame whose picture was on the screen."""
    taken = room.stills_of_what_is_shown(exam, 100)
    assert room.right_of(taken) == 100


def test_a_freeze_gives_pictures_stills_and_clips_of_the_past(room: Room, exam: str) -> None:
    """What is on the scrub bar can be looked at and stored while the live picture goes on."""
    client = room.client
    with room.viewer() as viewer:
        client.first_still(exam)
        for _ in range(20):
            viewer.next()
        frozen = client.post(f"/api/exams/{exam}/freeze")
        frames = frozen["frames"]
        assert [each["at_s"] for each in frames] == sorted(each["at_s"] for each in frames)
        assert frames[-1]["at_s"] == 0
        assert frozen["geometry"]["regions"][0]["physical_delta_x_mm"] == pytest.approx(0.2)
        assert viewer.next().sequence > 0
    chosen = frames[len(frames) // 2]["sequence"]
    path = f"/api/exams/{exam}/freeze/{frozen['freeze']}"
    picture = _bytes(client.port, f"{path}/frames/{chosen}")
    number = number_in(simplejpeg.decode_jpeg(picture, "GRAY")[..., 0])
    uid = client.still(exam, sequence=chosen, freeze=frozen["freeze"])
    assert room.stored(uid) == [number]
    clip = client.post(
        f"/api/exams/{exam}/clips",
        seconds=0.1,
        **{"from": "past", "last_sequence": chosen, "freeze": frozen["freeze"]},
    )
    numbers = room.stored(clip["sop_instance_uid"])
    assert numbers[-1] == number
    assert numbers == list(range(numbers[0], number + 1))
    assert client.delete(path) == {}
    with pytest.raises(Refused) as refused:
        client.still(exam, sequence=chosen, freeze=frozen["freeze"])
    assert (refused.value.status, "freeze again" in refused.value.body["error"]) == (409, True)


def test_a_probe_that_captures_by_itself_gives_stills_in_an_exam(room: Room) -> None:
    """Whatever its mode; without an exam nothing is asked of it."""
    exam = room.client.open("cart", patient={"id": "P-2", "name": "Roe^Richard"})
    room.client.first_still(exam)
    with room.viewer("cart") as viewer:
        shown = viewer.next()
        uid = room.client.still(exam, sequence=shown.sequence)
    assert room.stored(uid) == [number_in(shown.pixels())]
    room.client.post(f"/api/exams/{exam}/end")
    # Two stills, and the clip that the probe made by itself.
    wait_until(lambda: room.client.get(f"/api/exams/{exam}")["captures"] == 3, "three captures")
    with pytest.raises(Refused) as refused:
        room.client.still(exam)
    assert refused.value.status == 409


def test_an_exam_may_do_without_automatic_clips(room: Room) -> None:
    """Only what was asked for is in it; behind its end the probe captures by itself again."""
    exam = room.client.open("cart", patient={"id": "P-2", "name": "Roe^Richard"}, on_request=True)
    room.client.first_still(exam)
    mark = room.node.mark()
    ended = room.client.post(f"/api/exams/{exam}/end")
    assert (ended["captures"], ended["on_request"]) == (1, True)
    other = room.client.open("cart")
    room.client.post(f"/api/exams/{other}/end")
    assert room.node.wait_for("instance_stored", since=mark)["frames"] >= 1


def test_a_viewer_that_takes_nothing_gets_two_pictures_and_then_the_newest(room: Room) -> None:
    """Two credits to begin with; what comes meanwhile is not kept for it."""
    with room.viewer(credits=False) as slow, room.viewer() as quick:
        first = [slow.next(), slow.next()]
        last = quick.next()
        while last.sequence < first[1].sequence + 20:
            last = quick.next()
        with pytest.raises(TimeoutError):
            slow.next(0.3)
        slow.send(type="credit", count=1)
        assert slow.next().sequence >= last.sequence - 3


def test_the_example_of_the_document_runs(room: Room) -> None:
    """As it stands in docs/live.md: twenty pictures, geometry and state."""
    (block,) = (
        block
        for block in blocks_of(ROOT / "docs" / "live.md")
        if block.language == "python" and Path(__file__).name in block.detail
    )
    done = subprocess.run(
        [sys.executable, "-c", block.text.replace("8080", str(room.client.port))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": 640 x 480, ") == 20
    assert '"type": "geometry"' in done.stdout


def test_probes_are_listed(room: Room) -> None:
    """With what is known of each, and who watches."""
    with room.viewer() as viewer:
        viewer.next()
        hand, cart = room.client.get("/api/probes")
    assert (hand["name"], hand["connected"], hand["capture_mode"]) == ("handheld", True, "manual")
    assert hand["viewers"] == 1
    assert (cart["name"], cart["capture_mode"]) == ("cart", "auto")
    wait_until(lambda: room.client.get("/api/probes")[0]["viewers"] == 0, "the viewer is gone")


def test_the_stream_shows_each_picture_at_once(room: Room) -> None:
    """Multipart: the boundary comes with the picture, and the numbers are those of stills."""
    connection = http.client.HTTPConnection("127.0.0.1", room.client.port, timeout=20)
    connection.request("GET", "/api/probes/handheld/live")
    answer = connection.getresponse()
    kind = answer.getheader("Content-Type") or ""
    assert kind.startswith("multipart/x-mixed-replace; boundary=")
    boundary = b"--" + kind.partition("boundary=")[2].encode()
    assert answer.readline().strip() == boundary
    for _ in range(5):
        head = {}
        while line := answer.readline().strip():
            name, _, value = line.decode().partition(": ")
            head[name.lower()] = value
        jpeg = answer.read(int(head["content-length"]))
        number = number_in(simplejpeg.decode_jpeg(jpeg, "GRAY")[..., 0])
        assert int(head["x-sequence"]) > number
        assert answer.readline() == b"\r\n"
        assert answer.readline().strip() == boundary
    connection.close()
    wait_until(lambda: room.client.get("/api/probes")[0]["viewers"] == 0, "the reader is gone")


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_page_of_another_site_opens_no_socket(room: Room, origin: str) -> None:
    """Browsers send cookies with a WebSocket to any site: Origin decides."""
    with pytest.raises(InvalidStatus) as refused, room.viewer(origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_our_own_page_opens_one(room: Room) -> None:
    """Its Origin is the node."""
    with room.viewer(origin=f"http://127.0.0.1:{room.client.port}") as viewer:
        viewer.next()


def test_an_unknown_probe_is_said_to_be_so(room: Room) -> None:
    """404, as over HTTP."""
    with pytest.raises(InvalidStatus) as refused, room.viewer("cellar"):
        pass
    assert refused.value.response.status_code == 404


def test_a_watch_link_shows_one_probe_and_ends(room: Room) -> None:
    """The token opens that probe alone; revoked, the open picture is closed."""
    client = room.client
    made = client.post("/api/probes/handheld/watch", minutes=5)
    for token in ("x" * 43, made["id"], ""):
        with pytest.raises(InvalidStatus) as refused, room.viewer(path="/api/watch", token=token):
            pass
        assert refused.value.response.status_code == 403
    with room.viewer(path="/api/watch", token=made["token"]) as watcher, room.viewer() as operator:
        watcher.next()
        watcher.send(type="pointer", x=0.25, y=0.5)
        while operator.next_state()["pointer"] is None:
            pass
        assert operator.states[-1]["pointer"] == {"x": 0.25, "y": 0.5}
        [listed] = client.get("/api/probes/handheld/watch")
        assert not {"token", "path", "url", "qr"} & set(listed)
        assert listed["viewers"] == 1  # the operator has no link
        assert client.delete(f"/api/probes/handheld/watch/{made['id']}") == {"ended": 1}
        watcher.until_closed()
    path = "/api/watch"
    with pytest.raises(InvalidStatus) as refused, room.viewer(path=path, token=made["token"]):
        pass
    assert refused.value.response.status_code == 403


def test_a_watch_link_is_a_qr_code_too(room: Room) -> None:
    """Of its address at this node, or of the one that the browser has."""
    client = room.client
    path = "/api/probes/handheld/watch"
    own = client.post(path, minutes=5)
    assert own["url"] == f"http://127.0.0.1:{client.port}{own['path']}"
    far = client.post(path, minutes=5, address="https://clinic.example/echo/")
    assert far["url"] == f"https://clinic.example/echo{far['path']}"
    for made in (own, far):
        assert made["qr"] == qr_rows(made["url"])
    with pytest.raises(Refused) as refused:
        client.post(path, minutes=5, address="javascript:alert(1)")
    assert (refused.value.status, refused.value.body["field"]) == (400, "address")
    assert client.delete(path) == {"ended": 2}


@pytest.mark.parametrize("message", ["{", "[]", '{"type":"credit","count":0}', "x" * 600])
def test_what_is_no_message_closes_the_socket(room: Room, message: str) -> None:
    """With the reason; the node and other viewers go on."""
    with room.viewer() as other, room.viewer() as viewer:
        viewer.next()
        viewer.socket.send(message)
        viewer.until_closed()
        other.next()


def _bytes(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("Content-Type") == "image/jpeg"
        return answer.read()
    finally:
        connection.close()

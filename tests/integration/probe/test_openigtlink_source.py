"""OpenIGTLink over real sockets: as client and as listener, with our sender and with pyigtl."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyigtl
import pytest

from echonode.commands.probe_sim import outgoing_images
from echonode.errors import OutOfSpace
from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.picture_settings import PictureSettings
from echonode.frames.settings import CaptureMode, CaptureSettings, StreamSettings
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.transport import ConnectTo, ListenAt, TransportConfig
from echonode.probe.link.reconnecting import LinkSettings
from echonode.probe.openigtlink.command import Command, decode_command, encode_command
from echonode.probe.openigtlink.messages import Message, OpenIGTLinkDecoder
from echonode.probe.simulation.openigtlink_sender import OpenIGTLinkSender, OutgoingImage
from tests.integration.probe.sockets import free_port
from tests.peers.node_process import ProbeSimProcess
from tests.support.waiting import wait_until
from tests.unit.frames.igtl_messages import image

QUICK = LinkSettings(first_pause_s=0.02, longest_pause_s=0.1)
# A busy machine pauses for longer than a gap is otherwise.
UNBROKEN = CaptureSettings(gap_s=60)
MANUAL = CaptureSettings(mode=CaptureMode.MANUAL)


def settings_for(way: TransportConfig, capture: CaptureSettings | None = None) -> SourceSettings:
    return SourceSettings(
        identity=ProbeIdentity(name="sender"),
        protocol="openigtlink",
        dialect="",
        way=way,
        stream=StreamSettings(picture=PictureSettings(calibrated=True)),
        capture=capture or UNBROKEN,
        link=QUICK,
    )


class Archive:
    """Keeps acquisitions, and what was shown."""

    def __init__(self) -> None:
        self.taken: list[Acquisition] = []
        self.shown: list[Frame] = []

    def store(self, acquisition: Acquisition) -> str:
        self.taken.append(acquisition)
        return f"1.2.{len(self.taken)}"


@contextmanager
def source(
    way: TransportConfig,
    archive: Archive,
    capture: CaptureSettings | None = None,
    store: object = None,
) -> Iterator[ProbeSource]:
    made = ProbeSource(
        settings_for(way, capture),
        on_acquisition=archive.taken.append,
        store=store or archive.store,  # type: ignore[arg-type]
        on_frame=archive.shown.append,
    )
    made.start()
    try:
        yield made
    finally:
        assert made.stop(30)


def connect(address: tuple[str, int]) -> ConnectTo:
    return ConnectTo(host=address[0], port=address[1])


def pictures(count: int) -> Callable[[], Iterator[OutgoingImage]]:
    """Small images, each of its own grey, ten to the second."""

    def images() -> Iterator[OutgoingImage]:
        for number in range(count):
            yield OutgoingImage(
                pixels=np.full((48, 64), number, dtype=np.uint8),
                timestamp_s=100.0 + number / 10,
                spacing_mm=(0.3, 0.2),
            )

    return images


def test_a_real_recording_comes_over_the_wire_as_it_is(shared_data: Path) -> None:
    """21 frames, their pixels, times and transforms; one clip, closed when the sender goes."""
    path = shared_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"
    images = outgoing_images(path)
    archive = Archive()
    with OpenIGTLinkSender(images, fps=60) as sender, source(connect(sender.address), archive) as s:
        wait_until(lambda: bool(archive.taken), timeout_s=20)
        counts = s.counts
    (clip,) = archive.taken
    expected = list(images())
    assert np.array_equal([f.pixels for f in clip.frames], [one.pixels for one in expected])
    times = [frame.source_timestamp_s or 0 for frame in clip.frames]
    assert times == pytest.approx([one.timestamp_s for one in expected], abs=1e-6)
    assert set(clip.frames[-1].transforms) == set(expected[-1].transforms)
    assert all(frame.calibration is None for frame in clip.frames)  # 1 mm is never believed
    assert (counts.frames_received, counts.frames_dropped) == (21, 0)


def test_metadata_come_because_they_were_asked_for() -> None:
    """The greeting raises the sender to header version 2, whose Timestamp then counts."""
    archive = Archive()
    with (
        OpenIGTLinkSender(pictures(10), fps=50) as sender,
        source(connect(sender.address), archive),
    ):
        wait_until(lambda: bool(archive.taken))
        greetings = [message for message in sender.received if message.type == "GET_STATUS"]
    assert len(greetings) == 1
    assert greetings[0].header_version == 2
    (clip,) = archive.taken
    assert clip.frames[-1].source_timestamp_s == 100.9
    known = clip.frames[0].calibration
    assert known is not None
    assert known.physical_delta_x_cm == pytest.approx(0.03)


def test_senders_come_to_a_listener_one_after_the_other() -> None:
    """The second waits until the first has gone; each is a connection, and a clip, of its own."""
    archive, port = Archive(), free_port()
    way = ListenAt(host="127.0.0.1", port=port)
    one, other = (
        OpenIGTLinkSender(pictures(1000), port=port, connect=True, fps=50) for _ in range(2)
    )
    with source(way, archive), one:
        wait_until(lambda: len(archive.shown) >= 5)
        with other:
            wait_until(lambda: one.sent >= 30)
            assert other.received == ()  # not greeted: its turn has not come
            one.stop()
            wait_until(lambda: bool(other.received))
        wait_until(
            lambda: len(archive.taken) == 2,
            lambda: f"two clips: {[(c.connection_id, len(c.frames)) for c in archive.taken]}",
        )
    assert len({clip.connection_id for clip in archive.taken}) == 2


def test_garbage_costs_the_connection_and_no_frame() -> None:
    """A sender that talks nonsense is left, and the next one is heard."""
    archive, port = Archive(), free_port()
    with source(ListenAt(host="127.0.0.1", port=port), archive) as s:
        with socket.create_connection(("127.0.0.1", port)) as nonsense:
            nonsense.sendall(b"\xff" * 4096)
            nonsense.settimeout(5)
            assert OpenIGTLinkDecoder().receive(nonsense.recv(4096))  # our greeting
            assert nonsense.recv(4096) == b""
        with socket.create_connection(("127.0.0.1", port)) as good:
            good.sendall(image() * 3)
            wait_until(lambda: len(archive.shown) == 3)
        wait_until(lambda: len(archive.taken) == 1)
        assert s.counts.frames_dropped == 0


def test_what_came_before_nonsense_is_kept_and_the_sender_is_left_at_once() -> None:
    """Three images and an invalid header in one piece, then silence: we hang up."""
    archive, port = Archive(), free_port()
    with source(ListenAt(host="127.0.0.1", port=port), archive) as s:
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(image() * 3 + b"\xff" * 58)
            sender.settimeout(10)
            while sender.recv(4096):
                pass  # our greeting
        wait_until(lambda: len(archive.taken) == 1)
        assert (s.counts.frames_received, s.counts.frames_dropped) == (3, 0)
    assert len(archive.taken[0].frames) == 3


# --- pyigtl, an independent implementation ---


def test_pyigtl_sends_and_we_receive() -> None:
    """Its server, our client: grey, colour and 16 bit, pixel for pixel."""
    grey = np.random.default_rng(1).integers(0, 255, (1, 48, 64), dtype=np.uint8)
    port, archive = free_port(), Archive()
    server = pyigtl.OpenIGTLinkServer(port=port, local_server=True)
    try:
        with source(ConnectTo(host="127.0.0.1", port=port), archive):
            wait_until(server.is_connected)
            matrix = np.diag([0.3, 0.2, 1.0, 1.0])
            server.send_message(
                pyigtl.ImageMessage(
                    grey, ijk_to_world_matrix=matrix, device_name="us", timestamp=50.5
                )
            )
            colour = np.stack([grey, grey // 2, grey // 3], axis=-1)
            server.send_message(pyigtl.ImageMessage(colour, device_name="us"))
            server.send_message(pyigtl.ImageMessage(grey.astype(np.uint16) * 257, device_name="us"))
            wait_until(lambda: len(archive.shown) == 3)
    finally:
        server.stop()
    first, second, third = archive.shown
    assert np.array_equal(first.pixels, grey[0])
    assert first.source_timestamp_s == pytest.approx(50.5, abs=1e-6)
    assert first.calibration is not None
    assert first.calibration.physical_delta_y_cm == pytest.approx(0.02)
    assert np.array_equal(second.pixels, colour[0])
    assert np.array_equal(third.pixels, grey[0])


def test_pyigtl_receives_what_we_send() -> None:
    """Our sender, its client: image, spacing and transform. It keeps only a device's latest."""
    frames = list(pictures(1)())
    matrix = (1.0, 0.0, 0.0, 5.0, 0.0, 1.0, 0.0, 6.0, 0.0, 0.0, 1.0, 7.0, 0.0, 0.0, 0.0, 1.0)
    shown = OutgoingImage(
        pixels=frames[0].pixels, spacing_mm=(0.3, 0.2), transforms={"ProbeToTracker": matrix}
    )
    with OpenIGTLinkSender(lambda: iter([shown]), loop=True, fps=20) as sender:
        client = pyigtl.OpenIGTLinkClient(host="127.0.0.1", port=sender.address[1])
        try:
            got = client.wait_for_message("Image_Reference", timeout=10)
            moved = client.wait_for_message("ProbeToTracker", timeout=10)
        finally:
            client.stop()
    assert np.array_equal(got.image[0], shown.pixels)
    assert np.diag(got.ijk_to_world_matrix)[:2] == pytest.approx([0.3, 0.2])
    assert moved.matrix[:3, 3].tolist() == [5.0, 6.0, 7.0]


# --- COMMAND: the sender itself captures ---


class Bridge:
    """A sender with a button, on a plain socket: one frame, a command, an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._decoder = sock, OpenIGTLinkDecoder()
        self._number = 0
        sock.settimeout(10)

    def show(self, grey: int) -> None:
        self._sock.sendall(image(np.full((1, 8, 8), grey, dtype=np.uint8)))

    def ask(self, name: str, text: str = "") -> Message:
        """Send the command; its answer."""
        self._number += 1
        command = Command(command_id=self._number, name=name, text=text, device="Bridge")
        self._sock.sendall(encode_command(command))
        while True:
            for message in self._decoder.receive(self._sock.recv(65536)):
                assert isinstance(message, Message)
                if message.type == "RTS_COMMAND":
                    assert decode_command(message).command_id == self._number
                    return message


@contextmanager
def bridge(port: int) -> Iterator[Bridge]:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        yield Bridge(sock)


def test_a_sender_captures_an_exam() -> None:
    """StartExam, CaptureStill, CaptureClip and EndExam; each answer names what is durable."""
    archive, port = Archive(), free_port()
    with source(ListenAt(host="127.0.0.1", port=port), archive, MANUAL), bridge(port) as sender:
        sender.show(1)
        exam = sender.ask("StartExam").metadata["Exam"]
        sender.show(2)
        still = sender.ask("CaptureStill")
        sender.show(3)
        clip = sender.ask("CaptureClip", '<Command Seconds="60"/>')
        ended = sender.ask("EndExam")
    assert [m.metadata["Status"] for m in (still, clip, ended)] == ["SUCCESS"] * 3
    assert (still.metadata["SOPInstanceUID"], clip.metadata["SOPInstanceUID"]) == ("1.2.1", "1.2.2")
    one, two = archive.taken
    assert [int(frame.pixels[0, 0]) for frame in one.frames] == [2]  # the frame before the command
    assert [int(frame.pixels[0, 0]) for frame in two.frames] == [2, 3]  # none from before the exam
    assert one.connection_id == two.connection_id == exam


def test_the_answer_waits_for_the_disk() -> None:
    """No answer before the store has returned; a store that refuses is a failure, and said."""
    archive, port, gate = Archive(), free_port(), threading.Event()
    full = [OutOfSpace("/secret/path is full")]

    def slow(acquisition: Acquisition) -> str:
        assert gate.wait(10)
        if full:
            raise full.pop()
        return archive.store(acquisition)

    with source(ListenAt(host="127.0.0.1", port=port), archive, MANUAL, slow), bridge(port) as b:
        b.show(1)
        answers: list[Message] = []
        asking = threading.Thread(target=lambda: answers.append(b.ask("CaptureStill")))
        asking.start()
        time.sleep(0.2)
        assert answers == []
        gate.set()
        asking.join(10)
        assert answers[0].metadata["Status"] == "FAIL"
        assert answers[0].metadata["Message"] == "not kept: OutOfSpace"
        assert b.ask("CaptureStill").metadata["Status"] == "SUCCESS"


def test_commands_of_an_automatic_probe_are_refused() -> None:
    """Its clips are made without a request; the sender gets an answer that says so."""
    archive, port = Archive(), free_port()
    with source(ListenAt(host="127.0.0.1", port=port), archive), bridge(port) as sender:
        sender.show(1)
        answer = sender.ask("CaptureStill")
    assert answer.metadata["Status"] == "FAIL"
    assert "automatic" in answer.metadata["Message"]


def test_probe_sim_serves_a_recording(
    shared_data: Path, make_probe_sim: Callable[..., ProbeSimProcess]
) -> None:
    """`echonode probe-sim --protocol openigtlink`: a whole sender from the command line."""
    path = shared_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"
    probe = make_probe_sim("--protocol", "openigtlink", "--recording", str(path), "--fps", "100")
    archive = Archive()
    with source(ConnectTo(host=probe.host, port=probe.port), archive):
        wait_until(lambda: bool(archive.taken), timeout_s=20)
    assert len(archive.taken[0].frames) == 21
    assert probe.wait(10) == 0

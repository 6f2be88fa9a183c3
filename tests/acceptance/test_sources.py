"""Every kind of source through the whole node: what it sent is what the store holds."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from echonode.probe.openigtlink.command import Command, decode_command, encode_command
from echonode.probe.openigtlink.image import encode_image
from echonode.probe.openigtlink.messages import Message, OpenIGTLinkDecoder, encode
from tests.acceptance.clinic import Clinic
from tests.peers.node_process import ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

BONE = "probe/plus/BoneUltrasound_L14.igs.mha"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def clinic_with(parts: ExitStack, *probes: dict[str, Any]) -> Clinic:
    """A node with these probes and no archive that answers."""
    clinic = Clinic(parts)
    clinic.node.probes = [dict(probe) for probe in probes]
    clinic.start_node()
    return clinic


def test_bone_ultrasound_is_the_same_cine_as_a_file_and_over_openigtlink(
    parts: ExitStack, shared_data: Path
) -> None:
    """A recording replayed on the wire and read as a file give the same pixels and timing."""
    recording, port = shared_data / BONE, free_port()
    auto = {"mode": "auto", "gap_s": 60}  # the end of the connection, or of the file, ends the clip
    clinic = clinic_with(
        parts,
        {
            "name": "wire",
            "protocol": "openigtlink",
            "connect": f"{LOOPBACK}:{port}",
            "capture": auto,
        },
        {"name": "file", "protocol": "file", "path": str(recording), "capture": auto},
    )
    arguments = ("--protocol", "openigtlink", "--recording", str(recording))
    parts.enter_context(ProbeSimProcess(*arguments, port=port))
    wait_until(lambda: len(clinic.stored()) == 2, timeout_s=60, what="both cines")
    first, second = (dcmread(path) for path in clinic.node.stored_files())
    assert first.NumberOfFrames == second.NumberOfFrames == 21
    assert np.array_equal(first.pixel_array, second.pixel_array)
    assert len(first.FrameTimeVector) == 21
    assert list(first.FrameTimeVector) == pytest.approx(list(second.FrameTimeVector), abs=0.01)


class Sender:
    """A program with an image and a button: listens as PLUS does, and sends COMMANDs."""

    def __init__(self, parts: ExitStack, port: int) -> None:
        self._listener = parts.enter_context(socket.create_server((LOOPBACK, port)))
        self._listener.settimeout(30)
        self._decoder = OpenIGTLinkDecoder()

    def accept(self, parts: ExitStack) -> None:
        connection, _ = self._listener.accept()
        self._connection = parts.enter_context(connection)
        connection.settimeout(30)

    def image(self, pixels: NDArray[np.uint8]) -> None:
        content = encode_image(pixels[np.newaxis], spacing_mm=(0.2, 0.2, 1.0))
        self._connection.sendall(encode(Message(type="IMAGE", device="Image", content=content)))

    def command(self, number: int, name: str) -> str:
        """Send it and return the answer's text, once the node has one."""
        asked = Command(command_id=number, name=name, device="Image")
        self._connection.sendall(encode_command(asked))
        while True:
            for message in self._decoder.receive(self._connection.recv(65536)):
                if isinstance(message, Message) and message.type == "RTS_COMMAND":
                    answer = decode_command(message)
                    if answer.command_id == number:
                        return answer.text


def test_a_button_on_the_probe_captures_and_is_answered_when_durable(parts: ExitStack) -> None:
    """StartExam, CaptureStill, EndExam over OpenIGTLink: the answer names the stored instance."""
    port = free_port()
    sender = Sender(parts, port)
    clinic = clinic_with(
        parts,
        {
            "name": "button",
            "protocol": "openigtlink",
            "connect": f"{LOOPBACK}:{port}",
            "capture": {"mode": "manual"},
        },
    )
    sender.accept(parts)
    picture = np.random.default_rng(1).integers(0, 255, (120, 160), dtype=np.uint8)
    assert "true" in sender.command(1, "StartExam")
    sender.image(picture)
    answer = sender.command(2, "CaptureStill")
    (path,) = clinic.node.stored_files()
    stored = dcmread(path)
    assert stored.SOPInstanceUID in answer
    assert np.array_equal(stored.pixel_array, picture)
    assert "SequenceOfUltrasoundRegions" not in stored, "nobody said that it is calibrated"
    assert "true" in sender.command(3, "EndExam")

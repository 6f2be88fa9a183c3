"""A node with probes whose pictures are numbered, and what it stored of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread

from tests.acceptance.exam_client import ExamClient
from tests.peers.live_viewer import LiveViewer, Shown
from tests.peers.node_process import EchoNodeProcess
from tests.peers.numbered_probe import number_in, numbered, numbered_sender, probe_section
from tests.peers.ports import free_port


@dataclass(frozen=True)
class Room:
    """A node with two probes: `handheld` captures on request, `cart` by itself."""

    node: EchoNodeProcess
    client: ExamClient

    def viewer(self, probe: str = "handheld", **more: object) -> LiveViewer:
        return LiveViewer(self.client.port, probe, **more)  # type: ignore[arg-type]

    def paths(self) -> dict[str, Path]:
        """SOP Instance UID -> file."""
        files = self.node.stored_files()
        return {str(dcmread(f, specific_tags=["SOPInstanceUID"]).SOPInstanceUID): f for f in files}

    def stored(self, uid: str, paths: Mapping[str, Path] | None = None) -> list[int]:
        """The numbers in the frames of an instance; each pixel is the sender's."""
        pixels = dcmread((paths or self.paths())[uid]).pixel_array
        frames = pixels if pixels.ndim == 3 else pixels[np.newaxis]
        numbers = [number_in(frame) for frame in frames]
        for number, frame in zip(numbers, frames, strict=True):
            assert np.array_equal(frame, numbered(number))
        return numbers

    def stills_of_what_is_shown(self, exam: str, count: int) -> list[tuple[Shown, str]]:
        """So many pictures that were on the screen, and the still of each."""
        taken: list[tuple[Shown, str]] = []
        with self.viewer() as viewer:
            self.client.first_still(exam)
            begun = self.client.post(f"/api/exams/{exam}/freeze")["frames"][0]["sequence"]
            while len(taken) < count:
                shown = viewer.next()
                if shown.sequence > begun:  # it was not on its way when the exam began
                    taken.append((shown, self.client.still(exam, sequence=shown.sequence)))
        return taken

    def right_of(self, taken: list[tuple[Shown, str]]) -> int:
        """How many stills have every pixel of the frame whose picture was shown."""
        paths = self.paths()
        return sum(self.stored(uid, paths) == [number_in(shown.pixels())] for shown, uid in taken)


@contextmanager
def live_room(fps: float) -> Iterator[Room]:
    """Both probes at so many frames a second."""
    with ExitStack() as parts:
        hand = parts.enter_context(numbered_sender(fps=fps))
        cart = parts.enter_context(numbered_sender(fps=fps))
        client = ExamClient(free_port())
        node = EchoNodeProcess(
            probes=[
                probe_section(hand.address[1]),
                probe_section(cart.address[1], mode="auto", name="cart"),
            ],
            extra={"web": {"port": client.port}, "exam": {"deliver_unidentified": False}},
        )
        yield Room(parts.enter_context(node), client)

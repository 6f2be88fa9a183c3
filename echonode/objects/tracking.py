"""Where a tracker saw the probe at each frame: a private block, and the Frame of Reference.

US Image and US Multi-frame Image (PS3.3 A.6, A.7) have no standard place for one matrix a frame, so
there is a private block (PS3.5 7.8.1). docs/probes.md documents it for readers.

    (0021,xx01) LO 1-n  Transform Names      "ProbeToTracker", in the order of the matrices
    (0021,xx02) OD 1    Transform Matrices   frames x names x 16 float64, each matrix row by row
    (0021,xx03) OB 1    Transform Status     frames x names bytes, a TransformStatus each
    (0021,xx04) LO 1    Transform Units      "mm", of the translations

Rules
- OD, and not FD, whose 16 bit length ends at 511 frames of one matrix (PS3.5 7.1.2). A flat block,
  and not a sequence: where an archive sends it in Implicit VR, and a reader sees UN, its bytes are
  the same.
- A matrix is as it was sent. Where a frame has none, or the sender calls it invalid, there are
  sixteen zeros, which no transform has, and the status says which.
- Frame of Reference (C.7.4.1, U in both IODs) names the tracker's space of one connection, where
  any matrix is valid. Synchronization (C.7.4.2) is not written: no clock here is synchronised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echonode.frames.frame import Frame
from echonode.objects.values import cleaned

GROUP = 0x0021
PRIVATE_CREATOR = "ECHONODE TRACKING"
UNITS = "mm"
# A tracked exam has three to ten; a sender that invents names fills no object with them.
NAMES_LIMIT = 64


class TransformStatus(IntEnum):
    """What is known of one transform at one frame."""

    ABSENT = 0  # none came with the frame
    VALID = 1
    INVALID = 2  # the sender said so, or sent what is no matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracking:
    """The transforms of an acquisition's frames.

    matrices: (frames, names, 16) float64. status: (frames, names) uint8. left_out: names that did
    not fit.
    """

    names: tuple[str, ...]
    matrices: NDArray[np.float64]
    status: NDArray[np.uint8]
    left_out: int = 0

    @property
    def is_valid(self) -> bool:
        """Whether there is any valid matrix."""
        return bool((self.status == TransformStatus.VALID).any())

    def of(self, frames: range) -> Tracking:
        """Those of some frames only."""
        at = slice(frames.start, frames.stop)
        return replace(self, matrices=self.matrices[at], status=self.status[at])

    @property
    def doubtful(self) -> dict[str, int]:
        """Name -> in how many frames it has no valid matrix; only where it lacks one."""
        counts = (self.status != TransformStatus.VALID).sum(axis=0)
        return {name: int(n) for name, n in zip(self.names, counts, strict=True) if n}


def tracking_of(frames: Sequence[Frame]) -> Tracking | None:
    """What the frames' transforms say; None where no frame has one."""
    every = dict.fromkeys(name for frame in frames for name in frame.transforms)
    if not every:
        return None
    names = tuple(islice(every, NAMES_LIMIT))
    matrices = np.zeros((len(frames), len(names), 16), dtype="<f8")
    status = np.full((len(frames), len(names)), TransformStatus.ABSENT, dtype=np.uint8)
    for row, frame in enumerate(frames):
        for column, name in enumerate(names):
            if name not in frame.transforms:
                continue
            matrix = frame.transforms[name]
            if matrix is None:
                status[row, column] = TransformStatus.INVALID
            else:
                status[row, column] = TransformStatus.VALID
                matrices[row, column] = matrix
    return Tracking(
        # Names may come from the wire: a backslash would make two values of one.
        names=tuple(cleaned("LO", name) or "unnamed" for name in names),
        matrices=matrices,
        status=status,
        left_out=len(every) - len(names),
    )


def set_tracking(dataset: Dataset, tracking: Tracking, *, frame_of_reference_uid: str) -> None:
    """Set the private block, and the Frame of Reference module where there is a valid matrix."""
    if tracking.is_valid:
        dataset.FrameOfReferenceUID = frame_of_reference_uid
        dataset.PositionReferenceIndicator = None  # type 2: a tracker's space has no landmark
    block = dataset.private_block(GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(0x01, "LO", list(tracking.names))
    block.add_new(0x02, "OD", tracking.matrices.tobytes())
    block.add_new(0x03, "OB", tracking.status.tobytes())
    block.add_new(0x04, "LO", UNITS)


def read_tracking(dataset: Dataset, frames: int) -> Tracking | None:
    """What `set_tracking` wrote; None where there is none, or none that fits `frames` frames."""
    try:
        block = dataset.private_block(GROUP, PRIVATE_CREATOR)
        names = block[0x01].value
        matrices, status = block[0x02].value, block[0x03].value
    except KeyError:
        return None
    # An archive that sends Implicit VR leaves UN behind: then the names are bytes.
    text = names.decode("utf-8", "replace").rstrip() if isinstance(names, bytes) else names
    listed = text.split("\\") if isinstance(text, str) else [str(name) for name in text]
    count = frames * len(listed)
    if len(matrices) != 128 * count or not count <= len(status) <= count + 1:
        return None
    return Tracking(
        names=tuple(listed),
        matrices=np.frombuffer(matrices, "<f8").reshape(frames, len(listed), 16),
        status=np.frombuffer(status[:count], np.uint8).reshape(frames, len(listed)),
    )

"""What a probe brought since the start, and what became of its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from echonode.frames.streams.stream import StreamCounts
from echonode.probe.messages import DeviceStatus


class DropReason(StrEnum):
    """Why a frame did not become an image: whose fault it is, and so where to look."""

    TOO_SLOW = "this_machine_too_slow"  # it was whole, and the node had no time for it
    INCOMPLETE = "incomplete_on_the_wire"  # it never became whole: the network, probe or recording
    NO_IMAGE = "no_image_possible"  # whole, and no picture could be made of what it holds


@dataclass(frozen=True, kw_only=True)
class SourceCounts:
    """The counts of one probe, over all its connections.

    frames_received: whole or partial frames off the wire. dropped: of these and of those that never
    became whole, how many did not become an image, by reason. frames_partial: used with lines
    missing. acquisitions: passed on to be stored. device: the probe's latest report on itself.
    problem: why no frame comes from it just now, where that is not as it should be: it is not
    reached, or it is connected and sends no image.
    """

    connected: bool
    connections: int
    frames_received: int
    dropped: Mapping[DropReason, int]
    frames_partial: int
    lines_missing: int
    bytes_skipped: int
    acquisitions: int
    device: DeviceStatus | None = None
    problem: str = ""

    @property
    def frames_dropped(self) -> int:
        """For whatever reason."""
        return sum(self.dropped.values())


def stream_sum(one: StreamCounts, other: StreamCounts) -> StreamCounts:
    """The counts of two connections."""
    return StreamCounts(
        frames=one.frames + other.frames,
        partial=one.partial + other.partial,
        incomplete=one.incomplete + other.incomplete,
        lines_missing=one.lines_missing + other.lines_missing,
        bytes_skipped=one.bytes_skipped + other.bytes_skipped,
    )

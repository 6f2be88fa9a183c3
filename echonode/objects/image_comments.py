"""What a reader must know of how the frames came: Image Comments (0020,4000).

Lost and incomplete frames, missing calibration, doubtful times and grey levels that were chosen
here are written in Image Comments and not in private elements: it is of the IOD (PS3.3 C.7.6.1),
people see it in any viewer, C-FIND returns it, and archives do not strip it as they do private
blocks. The same facts go to the index as numbers (`evidence`). An image about which there is
nothing to say has no comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from types import MappingProxyType

from echonode.frames.frame import Acquisition, Frame, NoScale
from echonode.objects.cine_timing import CineTiming, TimeSource
from echonode.objects.tracking import Tracking

_NAMES_SHOWN = 4  # a tracked exam has three to ten


def remarks(
    acquisition: Acquisition,
    *,
    calibrated: bool,
    timing: CineTiming | None,
    tracking: Tracking | None,
) -> str:
    """The sentences of Image Comments; '' where all went well."""
    found = []
    if acquisition.dropped:
        found.append(f"Frames dropped: {acquisition.dropped}.")
    if acquisition.partial:
        found.append(f"Frames with missing lines: {acquisition.partial}.")
    if not calibrated:
        found.append(_uncalibrated(acquisition.frames[0].facts.no_scale))
    if timing is not None:
        found += _of_times(timing)
    if recorded_at(acquisition.frames[0]) is not None:
        found.append("Acquisition date and time are the recorder's clock, in whole seconds.")
    if (window := acquisition.frames[0].facts.window) is not None:
        black, white = window
        found.append(f"Grey levels are {black:.10g} to {white:.10g} of the source's values.")
    if tracking is not None:
        found += _of_tracking(tracking)
    return " ".join(found)


_NO_SCALE: Mapping[NoScale, str] = MappingProxyType(
    {
        NoScale.NOT_GIVEN: "the sender gives no size of a pixel",
        NoScale.NOT_BELIEVED: "the sender's size of a pixel is not known to be measured",
        NoScale.SKEWED: "rows and columns of the sender's matrix are not at right angles",
        NoScale.TOO_LARGE: "by the size of a pixel that is given it would be larger than a metre",
    }
)


def _uncalibrated(why: NoScale | None) -> str:
    """That nothing can be measured, and why where that is known."""
    reason = f" ({_NO_SCALE[why]})" if why else ""
    return f"Not calibrated: distances cannot be measured{reason}."


def recorded_at(frame: Frame) -> datetime | None:
    """When a recorded frame was taken, by the recorder's clock; None: unknown, or yet to come."""
    known = frame.recorded_at
    return known if known is not None and known <= frame.acquired_at else None


def _of_times(timing: CineTiming) -> Iterator[str]:
    """What is doubtful about the frames' times."""
    if timing.source is TimeSource.ARRIVAL:
        yield f"Frame times are arrival times: {timing.note}."
    if timing.source is TimeSource.SPACING:
        rate = "an assumed rate" if timing.assumed else "by the recording's frame rate"
        why = f"; {timing.note}" if timing.note else ""
        yield f"Frame times are not known: spaced by {timing.frame_time_ms:.6g} ms, {rate}{why}."
    if timing.placed:
        count = f"{timing.placed} of {len(timing.offsets_us)} frames"
        yield f"Frame times: {count} had no usable time and are placed between their neighbours."
    if timing.mean:
        yield "Frame times are a mean: too many frames for a Frame Time Vector."


def _of_tracking(tracking: Tracking) -> Iterator[str]:
    """What a reader of the private block must know first."""
    if doubtful := tracking.doubtful:
        shown = [f"{name} in {count}" for name, count in islice(doubtful.items(), _NAMES_SHOWN)]
        more = [f"{len(doubtful) - len(shown)} more"] if len(doubtful) > len(shown) else []
        of = f"of {len(tracking.status)} frames"
        yield f"Tracking is absent or invalid: {', '.join([*shown, *more])} {of}."
    if tracking.left_out:
        yield f"Transforms left out: {tracking.left_out}."


def _duration_ms(acquisition: Acquisition) -> int:
    """From the first frame to the last."""
    return round((acquisition.frames[-1].elapsed_s - acquisition.frames[0].elapsed_s) * 1000)


def evidence(
    acquisition: Acquisition, *, calibrated: bool, timing: CineTiming | None
) -> dict[str, int | str]:
    """How the frames came, as the index keeps it; never patient data."""
    facts: dict[str, int | str] = {
        "probe": acquisition.probe.name,
        "connection_id": acquisition.connection_id,
        "acquisition_number": acquisition.number,
        "frames": len(acquisition.frames),
        "dropped": acquisition.dropped,
        "partial": acquisition.partial,
        "duration_ms": _duration_ms(acquisition),
        "first_sequence": acquisition.frames[0].sequence,
        "last_sequence": acquisition.frames[-1].sequence,
        "calibrated": int(calibrated),
    }
    if timing is not None:
        facts |= {
            "timing": "frame_time" if timing.even else "frame_time_vector",
            "timing_source": timing.source.value,
            "timing_note": timing.note,
            "timing_placed": timing.placed,
        }
    return facts

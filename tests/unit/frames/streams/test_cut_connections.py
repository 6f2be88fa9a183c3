"""Every frame is accounted for, however a connection ends: it comes out whole, or is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.frames.imaging.sweep import Sweep
from echonode.frames.settings import StreamSettings
from echonode.frames.source.recordings import open_recording_reader
from echonode.frames.streams.epf_stream import EpfStream
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import FrameStream, PendingFrame, StreamCounts
from echonode.frames.streams.unordered_sweep import UnorderedSweepAssembler
from echonode.probe.echopen.kit import KitDecoder
from echonode.probe.echopen.sweeping import SweepingDecoder, encode_line
from echonode.probe.openigtlink.messages import HEADER, OpenIGTLinkDecoder
from echonode.probe.profile import ProbeProfile
from tests.unit.frames.igtl_messages import image, message
from tests.unit.frames.streams.test_epf_stream import SETTINGS, datagram, talk
from tests.unit.probe import kit_streams
from tests.unit.probe.sequences import frame_fields, metaimage, ramps

BAD_HEADER = HEADER.pack(4, b"IMAGE", b"x", 0, 0, 0)


def kit() -> SectorStream:
    return SectorStream(KitDecoder(), StreamSettings())


def sweeping() -> SectorStream:
    profile = ProbeProfile(r0_mm=80, rf_mm=160, sector_deg=57)
    return SectorStream(SweepingDecoder(profile), StreamSettings(), UnorderedSweepAssembler)


def outcome(stream: FrameStream, data: bytes, *, size: int = 10**9) -> tuple[int, StreamCounts]:
    """Frames that came out of a connection that ended after `data`, and what was counted."""
    frames: list[object] = []
    for start in range(0, len(data), size):
        try:
            frames += stream.receive(data[start : start + size])
        except ProtocolError:
            break
        if stream.failure is not None:
            break
    frames += stream.finish()
    return sum(isinstance(one, PendingFrame) for one in frames), stream.counts


@pytest.mark.parametrize("size", [1, 57, 1000, 10**9])
def test_images_before_a_header_that_is_none_are_frames(size: int) -> None:
    """Three whole IMAGE and a header of version 4, in one piece or in many: three frames."""
    stream = OpenIGTLinkStream(StreamSettings())
    frames, counts = outcome(stream, image() * 3 + BAD_HEADER + image(), size=size)
    assert (frames, counts.frames, counts.incomplete) == (3, 3, 0)
    assert "version 4" in str(stream.failure)
    with pytest.raises(ProtocolError):
        stream.receive(image())


def test_the_decoder_gives_what_was_good_and_then_fails_for_ever() -> None:
    """The messages of one piece, then the error, at each call."""
    decoder = OpenIGTLinkDecoder()
    assert len(decoder.receive(message("STATUS") * 2 + BAD_HEADER)) == 2
    for data in (b"", message("STATUS")):
        with pytest.raises(ProtocolError):
            decoder.receive(data)


@pytest.mark.parametrize("cut", range(1, len(image()), 7))
def test_an_image_whose_body_is_cut_is_a_lost_frame(cut: int) -> None:
    """From its header on; half a header does not say what it was to be."""
    frames, counts = outcome(OpenIGTLinkStream(StreamSettings()), image() * 2 + image()[:cut])
    assert (frames, counts.frames) == (2, 2)
    assert counts.incomplete == int(cut >= HEADER.size)


def test_only_images_of_ours_are_frames() -> None:
    """A STATUS that is cut is no frame, nor is another device's IMAGE."""
    stream = OpenIGTLinkStream(StreamSettings())
    assert outcome(stream, image() + image(device="other")[:90])[1].incomplete == 0
    stream = OpenIGTLinkStream(StreamSettings())
    assert outcome(stream, image() + message("STATUS", b"12345678")[:60])[1].incomplete == 0


@pytest.mark.parametrize("beyond", [0, 1, 40, 54, 54 * 5 + 3])
def test_a_kit_sweep_that_is_cut_is_a_lost_frame(beyond: int) -> None:
    """Even in the middle of its first line; nothing is lost where it ends with a sweep."""
    records = b"".join(kit_streams.line_records(kit_streams.sweeps(4)))
    data = kit_streams.HEADER + records[: 3 * kit_streams.LINES * kit_streams.LINE_BYTES + beyond]
    frames, counts = outcome(kit(), data)
    assert (frames, counts.frames) == (3, 3)
    assert counts.incomplete == int(beyond > 0)
    assert counts.bytes_skipped == beyond % kit_streams.LINE_BYTES


def test_lines_that_were_lost_in_nonsense_are_counted_when_no_line_follows() -> None:
    """Three sweeps, then bytes without lines until the search ends: skipped, all of them."""
    records = b"".join(kit_streams.line_records(kit_streams.sweeps(3)))
    nonsense = b"\xff" * (10 * kit_streams.LINES * kit_streams.LINE_BYTES)
    frames, counts = outcome(kit(), kit_streams.HEADER + records + nonsense, size=100)
    assert frames == 3
    sweep_bytes = kit_streams.LINES * kit_streams.LINE_BYTES
    assert counts.bytes_skipped > 4 * sweep_bytes
    assert counts.incomplete == 1 + counts.bytes_skipped // sweep_bytes


@pytest.mark.parametrize("beyond", [0, 1, 1024, 1025, 3000])
def test_a_sweeping_probes_sweep_that_is_cut_is_a_lost_frame(beyond: int) -> None:
    """The same where the order of lines is not known beforehand."""
    lines = [encode_line(n, np.full(1024, 9, dtype=np.uint8)) for n in [*range(1, 65)] * 3]
    data = b"".join(lines)[: 2 * 64 * 1025 + beyond]
    frames, counts = outcome(sweeping(), data)
    assert (frames, counts.frames) == (2, 2)
    assert counts.incomplete == int(beyond > 0)


def test_datagrams_that_nothing_bore_out_are_counted() -> None:
    """One of another depth, one of a frame far ahead: bytes skipped, when the connection ends."""
    stray = (datagram(3, 1, samples=700), datagram(190, 1))
    for data in stray:
        stream = EpfStream(SETTINGS)
        talk(stream, range(3))
        stream.receive_datagram(data)
        stream.finish()
        assert stream.counts == StreamCounts(frames=3, bytes_skipped=len(data))


def played(path: Path) -> tuple[int, StreamCounts, bool]:
    """Frames shown, counts, and whether the recording could be read to its end."""
    reel = open_recording_reader(path, StreamSettings())
    shown: list[Sequence[object]] = []
    try:
        for _, frames in reel.frames():
            shown.append(frames)
    except ProtocolError:
        return len(shown), reel.stream.counts, False
    return len(shown), reel.stream.counts, True


@pytest.mark.parametrize("bad", [0, 2, 5])
def test_a_recordings_bad_frame_is_counted_wherever_it_stands(bad: int, tmp_path: Path) -> None:
    """At its beginning, in its middle, and at its end."""
    fields = frame_fields(6) | {f"Seq_Frame{bad:04d}_ImageStatus": "INVALID"}
    path = tmp_path / "film.mha"
    path.write_bytes(b"".join(metaimage(ramps(6), fields=fields)))
    assert played(path) == (5, StreamCounts(frames=5, incomplete=1), True)


def test_a_recording_that_breaks_off_counts_what_is_missing(tmp_path: Path) -> None:
    """Six frames by its header, three and a half in the file."""
    header, pixels = metaimage(ramps(6))
    path = tmp_path / "film.mha"
    path.write_bytes(header + pixels[: len(pixels) * 7 // 12])
    assert played(path) == (3, StreamCounts(frames=3, incomplete=3), False)


@pytest.mark.slow
def test_a_line_that_foreign_bytes_spoilt_is_in_no_frame() -> None:
    """As many bytes as a line has, at each place of 40 lines but a sweep's last: none is shown."""
    sweeps = kit_streams.sweeps(8, seed=11)
    stream = b"".join(kit_streams.line_records(sweeps))
    noise = np.random.default_rng(5)
    for place in range(12 * kit_streams.LINE_BYTES, 52 * kit_streams.LINE_BYTES, 5):
        line, offset = divmod(place, kit_streams.LINE_BYTES)
        if not offset or line % kit_streams.LINES == kit_streams.LINES - 1:
            continue  # between two lines nothing is spoilt; a last line is gone with its frame
        foreign = noise.bytes(kit_streams.LINE_BYTES)
        one = kit()
        taken: list[Sweep] = []
        one._pending = taken.append  # type: ignore[assignment]
        one.receive(kit_streams.HEADER + stream[:place] + foreign + stream[place:])
        for sweep in taken:
            assert any(
                np.array_equal(sweep.samples[sweep.present], real[sweep.present]) for real in sweeps
            )
        assert one.counts.bytes_skipped >= kit_streams.LINE_BYTES

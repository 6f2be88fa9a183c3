"""A conversation with an `epf` probe, without a socket."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.frames.settings import ImageSettings, StreamSettings
from echonode.frames.streams.epf_stream import NO_LINES_AFTER_S, STATUS_EVERY_S, EpfStream
from echonode.frames.streams.protocols import PROTOCOLS
from echonode.frames.streams.stream import (
    Conversation,
    DatagramStream,
    PendingFrame,
    ReportsDevice,
    StreamCounts,
)
from echonode.probe.echopen.epf import (
    Command,
    LineDatagram,
    Reply,
    encode_line,
    encode_reply,
    encode_request,
)
from echonode.probe.echopen.epf_geometry import geometry_of
from echonode.probe.messages import DeviceStatus
from echonode.probe.profile import NO_PROFILE, ProbeProfile

STATUS, SCANNING, STOP = (
    encode_request(command) for command in (Command.STATUS, Command.SCANNING, Command.STOP_SCANNING)
)
STANDBY = encode_reply(
    Reply(command=Command.STATUS, error=0, duration_us=0, rest=(36_500, 87, 3, 0))
)
SETTINGS = StreamSettings(profile=ProbeProfile(lines=4), image=ImageSettings(columns=64, rows=64))


def datagram(frame: int, number: int, *, samples: int = 800) -> bytes:
    return encode_line(
        LineDatagram(
            previous_us=(40_000 * frame + 1000 * (number - 2)) % 2**32,
            frame=frame % 256,
            number=number,
            channel=0,
            samples=np.full(samples, 500, dtype=np.int16),
        )
    )


def talk(stream: EpfStream, frames: range, *, samples: int = 800) -> list[PendingFrame]:
    return [
        pending
        for frame in frames
        for number in range(1, 5)
        for pending in stream.receive_datagram(datagram(frame, number, samples=samples))
    ]


def test_status_comes_first_then_scanning_and_stop_at_the_end() -> None:
    """Nothing is asked twice; a probe that was never told to scan is not told to stop."""
    stream = EpfStream(SETTINGS)
    assert stream.greeting() == STATUS
    assert (stream.outgoing(), stream.farewell()) == (b"", b"")
    stream.receive(STANDBY[:9])
    assert stream.outgoing() == b""
    stream.receive(STANDBY[9:])
    assert (stream.outgoing(), stream.outgoing()) == (SCANNING, b"")
    assert stream.farewell() == STOP
    stream.receive(encode_reply(Reply(command=Command.SCANNING, error=0, duration_us=0)))
    assert stream.outgoing() == b""


def test_how_the_probe_is_can_be_asked_at_any_time() -> None:
    """Battery, temperature and state of the last answer; it is asked again every few seconds."""
    stream = EpfStream(SETTINGS)
    before = stream.device
    stream.receive(STANDBY)
    assert before is None
    assert stream.device == DeviceStatus(
        state="standby", battery_percent=87, temperature_c=36.5, last_error=0
    )
    stream.outgoing()
    stream.tick(STATUS_EVERY_S - 0.1)
    assert stream.outgoing() == b""
    stream.tick(STATUS_EVERY_S + 0.1)
    assert stream.outgoing() == STATUS


def test_a_probe_that_will_not_scan_ends_the_connection() -> None:
    """The reason is logged; the link tries again after its pause."""
    stream = EpfStream(SETTINGS)
    with pytest.raises(ProtocolError, match="error -7"):
        stream.receive(encode_reply(Reply(command=Command.SCANNING, error=-7, duration_us=0)))


def test_frames_come_with_the_probes_own_time() -> None:
    """Whole frames, 40 ms apart by its clock; each can be made a picture."""
    stream = EpfStream(SETTINGS)
    frames = talk(stream, range(3))
    assert [frame.sequence for frame in frames] == [0, 1, 2]
    assert [frame.source_timestamp_s for frame in frames] == pytest.approx([0.0, 0.04, 0.08])
    picture = frames[0].develop()
    assert picture.pixels.shape == (64, 64)
    assert picture.pixels.max() > 0
    assert picture.calibration is not None
    assert stream.counts == StreamCounts(frames=3)


def test_another_depth_is_another_geometry() -> None:
    """Samples change: the open frame is over, calibration and picture follow, none is misread."""
    stream = EpfStream(SETTINGS)
    frames = talk(stream, range(2)) + talk(stream, range(2, 4), samples=300)
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3]
    deep, shallow = frames[1].develop(), frames[2].develop()
    assert np.count_nonzero(deep.pixels) > np.count_nonzero(shallow.pixels) > 0
    assert stream.counts == StreamCounts(frames=4)


def test_one_line_of_another_depth_changes_nothing() -> None:
    """A stray datagram does not begin a new geometry, and does not end the frame under way."""
    stream = EpfStream(SETTINGS)
    frames = talk(stream, range(1))
    for number in (1, 2):
        stream.receive_datagram(datagram(1, number))
    stream.receive_datagram(datagram(2, 1, samples=20))
    for number in (3, 4):
        frames += stream.receive_datagram(datagram(1, number))
    assert [frame.missing_lines for frame in frames] == [0, 0]


def test_what_is_no_line_of_ours_is_counted_and_ends_nothing() -> None:
    """Noise, a cut datagram, a line beyond the profile's: any host may send one."""
    stream = EpfStream(SETTINGS)
    bad = [b"", b"noise", datagram(0, 1)[:-1], datagram(0, 5)]
    for each in bad:
        assert stream.receive_datagram(each) == []
    assert stream.counts == StreamCounts(bytes_skipped=sum(map(len, bad)))
    assert len(talk(stream, range(2))) == 2


def test_a_pause_brings_out_what_waits() -> None:
    """No line between two ticks: the frame that lacks its last line is not held back longer."""
    stream = EpfStream(SETTINGS)
    for number in (1, 2, 3):
        stream.receive_datagram(datagram(0, number))
    assert stream.tick(0.5) == []
    (frame,) = stream.tick(1.0)
    assert isinstance(frame, PendingFrame)
    assert frame.missing_lines == 1


def test_the_end_of_the_connection_brings_out_what_waits() -> None:
    """The frame under way, with what it lacks; nothing before the first line."""
    stream = EpfStream(SETTINGS)
    assert stream.finish() == []
    for number in (1, 2, 3):
        stream.receive_datagram(datagram(0, number))
    (frame,) = stream.finish()
    assert isinstance(frame, PendingFrame)
    assert frame.missing_lines == 1


def test_silence_of_the_lines_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """It scans, and nothing arrives: a firewall. The log says so, and not every second."""
    stream = EpfStream(SETTINGS)
    stream.receive(STANDBY)
    for second in range(30):
        stream.tick(second * NO_LINES_AFTER_S)
    assert capsys.readouterr().out.count("probe_lines_absent") == 1


def test_the_default_probe_is_the_apps() -> None:
    """100 lines, 10 to 180 mm, 57 degrees, decimation 27 at 80 MHz: 0.2498 mm a sample."""
    geometry = geometry_of(NO_PROFILE, samples=800)
    assert geometry.lines == 100
    assert geometry.sample_spacing_mm == pytest.approx(0.24975)
    with pytest.raises(ProtocolError, match="no depth"):
        geometry_of(ProbeProfile(rf_mm=5), samples=800)


def test_the_protocol_table_names_it() -> None:
    """Configured as echopen and epf; it has every form that its transport asks for."""
    stream = PROTOCOLS["echopen", "epf"].new_stream(StreamSettings())
    assert isinstance(stream, Conversation)
    assert isinstance(stream, DatagramStream)
    assert isinstance(stream, ReportsDevice)

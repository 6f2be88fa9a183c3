"""A recording in each stream dialect: as it is where it fits, fitted where it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.probe.echopen import kit as echopen
from echonode.probe.echopen import lounger, sweeping
from echonode.probe.echopen.kit import KitHeader, KitMode
from echonode.probe.messages import LineReceived
from echonode.probe.profile import ProbeProfile
from echonode.probe.recordings.echopen_text import KitRecording, read_lines
from echonode.probe.simulation.lounger_phantom import lounger_phantom
from echonode.probe.simulation.simulated_lines import (
    LineWire,
    from_the_middle,
    line_wire,
    to_and_fro,
)

HEADER = KitHeader(r0_mm=10, rf_mm=20, decimation=64, lines=6, sector_deg=60, mode=KitMode.RF_INT16)
ROWS = np.repeat(np.arange(0, 60, 10, dtype=np.int16)[:, None], 26, axis=1)
KIT = KitRecording(header=HEADER, frames=(ROWS, (ROWS + 300).astype(np.int16)))


def sent(wire: LineWire, sweep: int, size: int = 4) -> bytes:
    return b"".join(burst for burst, _ in wire.bursts(wire.samples(sweep), sweep, size))


def test_the_kits_recording_goes_out_as_the_kit_sends_it() -> None:
    """The encoder's own header and lines, to and fro."""
    wire = line_wire(KIT, "kit")
    assert wire.preamble == echopen.encode_header(HEADER)
    lines = [echopen.encode_line(HEADER, k + 1, KIT.frames[1][k]) for k in range(6)]
    assert sent(wire, 1) == b"".join(reversed(lines))


def test_a_loungers_recording_goes_out_as_the_lounger_sends_it(shared_data: Path) -> None:
    """Big-endian header with its name, little-endian lines; and not as a kit's."""
    recording = read_lines(shared_data / "probe" / "lounger" / "probe_v1_5MHz")
    wire = line_wire(recording, "lounger")
    assert wire.preamble[-19:-4] == b"\x0ePROBE_V1__5MHZ"
    frame = recording.frames[0]
    lines = [lounger.encode_line(k + 1, frame[k]) for k in range(100)]
    assert sent(wire, 0) == b"".join(lines)
    with pytest.raises(ProtocolError, match="kit"):
        line_wire(recording, "kit")


def test_a_kits_recording_is_stretched_over_the_loungers_field() -> None:
    """As many samples as it has, whatever rounding does to the decimation."""
    for decimation in (1, 8, 33, 64):
        header = replace(HEADER, decimation=decimation)
        frame = np.zeros((6, header.samples), dtype=np.int16)
        wire = line_wire(KitRecording(header=header, frames=(frame,)), "lounger")
        parsed = lounger.parse_header(wire.preamble)
        assert parsed is not None
        assert parsed[0].samples == header.samples


def test_the_sweeping_probe_sends_64_lines_of_bytes_from_the_middle_out() -> None:
    """33 to 64, then 32 to 1, as its own program; another grid, and the volts' scale."""
    wire = line_wire(KIT, "sweeping")
    data = sent(wire, 1)
    assert wire.preamble == b""
    assert list(data[:: sweeping.LINE_BYTES]) == [*range(33, 65), *range(32, 0, -1)]
    first, last = data[63 * 1025 + 1], data[31 * 1025 + 1]
    assert (first, last) == (round(300 * 0.41504), round(350 * 0.41504))
    profile = ProbeProfile(r0_mm=10, rf_mm=20, sector_deg=60)
    messages = sweeping.SweepingDecoder(profile).receive(data)
    assert len([message for message in messages if isinstance(message, LineReceived)]) == 64


def test_rf_does_not_fit_in_bytes() -> None:
    """A sweeping probe has no sign: refused, not folded over."""
    rf = KitRecording(header=HEADER, frames=(np.full((6, 26), -100, dtype=np.int16),))
    with pytest.raises(ProtocolError, match="RF"):
        line_wire(rf, "sweeping")


def test_orders() -> None:
    """To and fro turns round; from the middle does not."""
    assert [list(to_and_fro(turn, 3)) for turn in (0, 1)] == [[0, 1, 2], [2, 1, 0]]
    assert [list(from_the_middle(turn, 4)) for turn in (0, 1)] == [[2, 3, 1, 0]] * 2


@pytest.mark.slow
def test_the_loungers_phantom_is_the_phantom() -> None:
    """Magnitudes along the lounger's rays: something everywhere, nothing negative, and it moves."""
    recording = lounger_phantom(frames=2)
    one, other = recording.frames
    assert one.shape == (100, 804)
    assert one.min() == 0
    assert np.count_nonzero(one) > 0.6 * one.size
    assert not np.array_equal(one, other)

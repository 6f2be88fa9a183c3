"""Scan lines as UFF 0.3 (HDF5): channel data of a single element that looks along one line a time.

Rules
- One probe with one element. Each line is an event: one wave and one receive setup, both of that
  probe; the wave's origin has the line's direction as a rotation about y, in radians.
- data_real: (frames, lines, 1, samples), the values as they came off the wire. A line that never
  came is zeros, and `echonode/present` says which; readers of UFF pass it over.
- receive_setup.time_offset: the time of the first sample, there and back.
- Neither the time nor the place of the acquisition is written, nor who made it: a UFF file leaves
  the clinic.

Source: bitbucket.org/ultrasound_file_format/uff/wiki; waltsims/uff-reader.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import h5py  # type: ignore[import-untyped]  # it has none
import numpy as np
from numpy.typing import NDArray

from echonode import __version__
from echonode.copies.research.scan_lines import kept_arrays
from echonode.copies.source import CopyFile, CopyOptions, CopySource

Arrays = Mapping[str, NDArray[Any]]
_VERSION = (0, 3, 0)
_DIVERGING = 1
_NUMBER = "{:08d}".format


def uff_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .uff. Raises InvalidObject where no lines are kept."""
    arrays = kept_arrays(source, options)
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        _write(root, arrays)
    yield CopyFile(ending=".uff", chunks=(file.getvalue(),))


def _write(root: h5py.File, arrays: Arrays) -> None:
    for name, number in zip(("major", "minor", "patch"), _VERSION, strict=True):
        root[f"version/{name}"] = number
    data = root.create_group("channel_data")
    samples = arrays["samples"]
    times = arrays["times_s"]
    data["data_real"] = samples[:, :, np.newaxis, :]
    data["sound_speed"] = float(arrays["sound_speed_m_s"])
    data["repetition_rate"] = _rate(times)
    data["description"] = "radio-frequency lines" if arrays["is_rf"] else "envelope lines"
    data["system"] = f"EchoNode {__version__}"
    _write_probe(_list(data, "probes", 1)[0])
    lines = samples.shape[1]
    _write_excitation(_list(data, "unique_excitations", 1)[0], arrays)
    waves = _list(data, "unique_waves", lines)
    events = _list(data, "unique_events", lines)
    sequence = _list(data, "sequence", lines)
    for line in range(lines):
        _write_wave(waves[line], arrays, line)
        _write_event(events[line], arrays, line)
        sequence[line]["event"] = line + 1
        sequence[line]["time_offset"] = 0.0
    root["echonode/present"] = arrays["present"]
    root["echonode/frame_times_s"] = times


def _rate(times: NDArray[np.float64]) -> float:
    return float((len(times) - 1) / times[-1]) if len(times) > 1 and times[-1] > 0 else 0.0


def _list(parent: h5py.Group, name: str, count: int) -> list[h5py.Group]:
    """A list of groups, numbered as UFF numbers them."""
    group = parent.create_group(name)
    group.attrs["array_size"] = count
    return [group.create_group(_NUMBER(number)) for number in range(1, count + 1)]


def _write_probe(probe: h5py.Group) -> None:
    probe["number_elements"] = 1
    for name in ("pitch", "element_height", "element_width"):
        probe[name] = 0.0  # not known
    _write_turn(probe.create_group("transform"), 0.0, place="translation")


def _write_turn(group: h5py.Group, about_y: float, *, place: str) -> None:
    for axis, angle in zip("xyz", (0.0, about_y, 0.0), strict=True):
        group[f"rotation/{axis}"] = angle
        group[f"{place}/{axis}"] = 0.0


def _write_excitation(group: h5py.Group, arrays: Arrays) -> None:
    group["pulse_shape"] = "unknown"
    group["waveform"] = np.zeros(1)
    group["sampling_frequency"] = float(arrays["sampling_rate_hz"])


def _write_wave(group: h5py.Group, arrays: Arrays, line: int) -> None:
    angle = float(np.radians(arrays["angles_deg"][line]))
    _write_turn(group.create_group("origin"), angle, place="position")
    group["type"] = _DIVERGING
    group["excitation"] = 1
    for axis in "xyz":
        group[f"aperture/origin/{axis}"] = 0.0
    group["aperture/fixed_size"] = 0.0
    group["aperture/f_number"] = 1.0
    group["aperture/window"] = "rectwin"


def _write_event(group: h5py.Group, arrays: Arrays, line: int) -> None:
    transmit, receive = group.create_group("transmit_setup"), group.create_group("receive_setup")
    transmit["probe"] = receive["probe"] = 1
    transmit["channel_mapping"] = receive["channel_mapping"] = np.ones((1, 1), dtype=np.int64)
    (wave,) = _list(transmit, "transmit_waves", 1)
    wave["wave"], wave["time_offset"], wave["weight"] = line + 1, 0.0, 1.0
    for axis in "xyz":
        wave[f"time_zero_reference_point/{axis}"] = 0.0
    metres = float(arrays["start_mm"][line]) / 1000
    receive["time_offset"] = 2 * metres / float(arrays["sound_speed_m_s"])
    receive["sampling_frequency"] = float(arrays["sampling_rate_hz"])

"""Scan lines from a probe: kept with the image, exported, and gone with it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import structlog
from typer.testing import CliRunner, Result

from echonode.cli import app
from echonode.exam.unattended import UnattendedExams
from echonode.frames.frame import Acquisition
from echonode.frames.settings import StreamSettings
from echonode.frames.source.source import ProbeSource
from echonode.intake.captures import Intake, KeepLines
from echonode.model.instance import StoredInstance
from echonode.objects.cine_timing import timing_of
from echonode.probe.recordings.echopen_text import KitRecording
from echonode.probe.simulation.phantom import DEFAULT_HEADER, phantom
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from echonode.store.files.kept_lines import KeptLines
from echonode.store.store import Incoming, Store
from tests.integration.probe.test_source import settings_for
from tests.support.waiting import wait_until
from tests.unit.objects.acquisitions import EQUIPMENT, LOCAL

FRAMES = 5


@pytest.fixture(scope="module")
def film() -> KitRecording:
    return phantom(header=replace(DEFAULT_HEADER, lines=16, decimation=64), frames=FRAMES)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var") as opened:
        yield opened


@pytest.fixture
def lines(tmp_path: Path) -> KeptLines:
    return KeptLines(tmp_path / "var")


def taken(film: KitRecording, *, keep: bool = True) -> Acquisition:
    """One clip from the simulated probe."""
    found: list[Acquisition] = []
    with ProbeSimulator(film, fps=50, frames=FRAMES) as probe:
        settings = settings_for(probe.address, stream=StreamSettings(keep_lines=keep))
        source = ProbeSource(settings, on_acquisition=found.append)
        source.start()
        wait_until(lambda: bool(found), timeout_s=30)
        assert source.stop(30)
    return found[0]


def kept(store: Store, acquisition: Acquisition, keep_lines: KeepLines) -> StoredInstance:
    exams = UnattendedExams(
        node_id=store.node_id, next_counter=lambda: store.counter("unidentified")
    )
    intake: Intake[Incoming] = Intake(
        store.files,
        node_id=store.node_id,
        destinations=[],
        exam_for=lambda taken, at: exams.exam_for(taken.connection_id, taken.probe.name, at),
        equipment=EQUIPMENT,
        local=LOCAL,
        now=lambda: datetime.now(UTC),
        keep_lines=keep_lines,
    )
    return intake.store(acquisition)


def export(tmp_path: Path, uid: str, *words: str | Path) -> Result:
    config = tmp_path / "echonode.yaml"
    config.write_text(f"ae_title: A\ndata_dir: {tmp_path}/var\n")
    words = ("export", "--instance", uid, *words, "--config", config)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_lines_are_exported_as_they_came(
    film: KitRecording, store: Store, lines: KeptLines, tmp_path: Path
) -> None:
    """Every sample, with what turns lines into a picture; also of an anonymised copy."""
    acquisition = taken(film)
    instance = kept(store, acquisition, lines.write)
    out = tmp_path / "lines.npz"
    words = ("--format", "lines", "--out", out, "--anonymise", "basic", "--looked-at")
    done = export(tmp_path, instance.sop_instance_uid, *words)
    assert done.exit_code == 0, done.output
    with np.load(out, allow_pickle=False) as arrays:
        came = [frame.lines.samples for frame in acquisition.frames if frame.lines is not None]
        assert (arrays["samples"] == np.stack(came)).all()
        assert arrays["samples"].shape[:2] == (FRAMES, 16)
        assert arrays["present"].all()
        assert len(arrays["angles_deg"]) == 16
        offsets_us = timing_of(acquisition.frames).offsets_us  # as the image has them
        assert arrays["times_s"].tolist() == [offset / 1e6 for offset in offsets_us]
        assert "sop_instance_uid" not in arrays.files
    assert instance.sop_instance_uid.encode() not in out.read_bytes()


def test_uff_holds_the_same_lines(
    film: KitRecording, store: Store, lines: KeptLines, tmp_path: Path
) -> None:
    """Channel data of one element, an event for each line, and neither time nor place."""
    h5py = pytest.importorskip("h5py")
    acquisition = taken(film)
    instance = kept(store, acquisition, lines.write)
    out = tmp_path / "lines.uff"
    done = export(tmp_path, instance.sop_instance_uid, "--format", "uff", "--out", out)
    assert done.exit_code == 0, done.output
    first = acquisition.frames[0].lines
    assert first is not None
    with h5py.File(out) as root:
        data = root["channel_data"]
        assert data["data_real"].shape == (FRAMES, 16, 1, first.samples.shape[1])
        assert (data["data_real"][0, :, 0] == first.samples).all()
        assert [int(root[f"version/{name}"][()]) for name in ("major", "minor")] == [0, 3]
        assert list(data["sequence"]) == [f"{number:08d}" for number in range(1, 17)]
        setup = data["unique_events/00000003/receive_setup"]
        assert setup["sampling_frequency"][()] == first.geometry.sampling_rate_hz
        turns = [data[f"unique_waves/{n:08d}/origin/rotation/y"][()] for n in range(1, 17)]
        assert math.degrees(turns[-1] - turns[0]) == pytest.approx(first.geometry.sector_deg)
        assert not {"local_time", "country_code", "authors"} & set(data)


def test_without_the_key_nothing_is_kept(
    film: KitRecording, store: Store, lines: KeptLines, tmp_path: Path
) -> None:
    """And an export of lines says so."""
    instance = kept(store, taken(film, keep=False), lines.write)
    assert lines.lines_of(instance.sop_instance_uid) is None
    words = ("--format", "lines", "--out", tmp_path / "lines.npz")
    refused = export(tmp_path, instance.sop_instance_uid, *words)
    assert refused.exit_code == 1
    assert "capture.keep_rf" in refused.stderr


def test_an_image_does_not_wait_for_its_lines(
    film: KitRecording, store: Store, tmp_path: Path
) -> None:
    """A disk that takes no lines: the image is stored, and the log says what is missing."""
    (tmp_path / "blocked").write_text("a file where the folder would be")
    with structlog.testing.capture_logs() as logged:
        instance = kept(store, taken(film), KeptLines(tmp_path / "blocked").write)
    assert store.index.instance(instance.sop_instance_uid) is not None
    [said] = [entry["reason"] for entry in logged if entry["event"] == "lines_not_kept"]
    assert said == (
        "the disk refused a new folder: a part of the path is not a folder (Not a directory)"
    )


def test_lines_go_with_their_image(lines: KeptLines, tmp_path: Path) -> None:
    """What retention deleted, and what an earlier run left without an image."""
    (tmp_path / "var").mkdir()
    arrays = {"samples": np.zeros((1, 2, 3), np.int16)}
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        lines.write(uid, arrays)
    lines.forget(["1.2.1", "1.2.9"])
    assert lines.lines_of("1.2.1") is None
    folder = tmp_path / "var" / "lines"
    for path in folder.iterdir():
        os.utime(path, (0, 0))  # a clock that was set back in this run
    assert lines.remove_orphans(lambda uid: False) == 0  # of this run: images may be on their way
    assert len(list(folder.iterdir())) == 2
    (folder / "broken.part").write_bytes(b"")
    (folder / "broken.npz").write_bytes(b"PK")
    later = KeptLines(tmp_path / "var")
    assert later.remove_orphans(lambda uid: uid == "1.2.2") == 3
    opened = later.lines_of("1.2.2")
    assert opened is not None
    [left] = folder.iterdir()
    with opened() as file:
        assert file.read() == left.read_bytes()

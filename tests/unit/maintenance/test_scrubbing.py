"""The scrub: every file once in a period, over restarts, and what it finds is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from echonode.config.loading import parse
from echonode.errors import ConfigError
from echonode.maintenance.scrubbing import LOOK_EVERY_S, Scrubbing, share_of
from echonode.node.settings.parts import scrubbing
from echonode.store.recovery.scrub import Scrubbed
from echonode.store.store import Store
from tests.unit.store.ingest.test_insertion import rot
from tests.unit.store.samples import Clock, put_many

PERIOD_S = 3600.0


class Scene:
    """Sixty instances, to be read in an hour: one a minute."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.seconds = 0.0
        self.open()
        self.uids = put_many(self.store, 60)

    def open(self) -> None:
        self.store = Store.open(self.data_dir, now=Clock())
        self.scrubbing = Scrubbing(
            self.store.scrub,
            self.store.key_value,
            period_s=PERIOD_S,
            monotonic=lambda: self.seconds,
        )

    def restart(self) -> None:
        self.store.close()
        self.open()

    def path(self, uid: str) -> Path:
        instance = self.store.index.instance(uid)
        assert instance is not None
        return instance.path

    def look_after(self, seconds: float) -> list[dict[str, Any]]:
        self.seconds += seconds
        with capture_logs() as logs:
            self.scrubbing.look()
        return [dict(entry) for entry in logs]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "var")
    yield made
    made.store.close()


@pytest.mark.slow
def test_plain_files_are_counted_by_the_round(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one round found stands until the next has found as many, or ended; never twice."""
    run = scene.store.scrub.run

    def finding(*span: int, **more: Any) -> Scrubbed:
        done = run(*span, **more)
        done.plain = done.files
        return done

    monkeypatch.setattr(scene.store.scrub, "run", finding)
    for _ in range(90):
        scene.look_after(60)
    assert scene.scrubbing.counters.plain == 60
    monkeypatch.setattr(scene.store.scrub, "run", run)
    for _ in range(90):
        scene.look_after(60)
    assert scene.scrubbing.counters.plain < 60
    for _ in range(60):
        scene.look_after(60)
    assert scene.scrubbing.counters.plain == 0


@pytest.mark.slow
def test_every_file_is_read_once_in_a_period(scene: Scene) -> None:
    """An hour of minutes: sixty files, and the round is over with the next one."""
    logs = [entry for _ in range(60) for entry in scene.look_after(60)]
    assert scene.scrubbing.counters.files == 60
    assert logs == []
    [finished] = scene.look_after(60)
    assert (finished["event"], finished["files"]) == ("scrub_finished", 60)
    assert scene.scrubbing.counters.files == 61


@pytest.mark.slow
def test_a_node_that_is_restarted_all_the_time_gets_round_as_well(scene: Scene) -> None:
    """The place is in the database: the next start goes on behind it."""
    rot(scene.path(scene.uids[-1]))
    found = []
    for _ in range(6):
        for _ in range(10):
            found += scene.look_after(60)
        scene.restart()
    assert [entry["sop_instance_uid"] for entry in found] == [scene.uids[-1]]


@pytest.mark.slow
def test_what_is_found_is_logged_with_its_uid(scene: Scene) -> None:
    """An error for what is damaged or gone; a word when it is whole again."""
    rot(scene.path(scene.uids[0]))
    scene.path(scene.uids[1]).unlink()
    logs = scene.look_after(60) + scene.look_after(60)
    assert [(e["event"], e["log_level"], e["missing"]) for e in logs] == [
        ("file_damaged", "error", False),
        ("file_damaged", "error", True),
    ]
    assert [entry["sop_instance_uid"] for entry in logs] == scene.uids[:2]
    assert scene.scrubbing.counters.damaged == 2


def test_a_share_is_the_times_part_of_the_period() -> None:
    """A machine that slept for a week does not read everything at once, nor a clock backwards."""
    assert share_of(60, elapsed_s=60, period_s=3600) == 1.0
    assert share_of(60, elapsed_s=7 * 86_400, period_s=3600) == 60 * 2 * LOOK_EVERY_S / 3600
    assert share_of(60, elapsed_s=-5, period_s=3600) == 0.0


def test_an_empty_store_is_no_work(tmp_path: Path) -> None:
    """Nothing to read, nothing said."""
    with Store.open(tmp_path / "var", now=Clock()) as store, capture_logs() as logs:
        Scrubbing(
            store.scrub, store.key_value, period_s=1.0, monotonic=iter([0.0, 60.0]).__next__
        ).look()
    assert logs == []


def config(tmp_path: Path, days: object) -> Any:
    return parse(
        f"{{ae_title: ECHONODE, data_dir: {tmp_path}, retention: {{scrub_days: {days}}}}}", {}
    )


def test_the_period_is_configured_and_0_is_never(tmp_path: Path) -> None:
    """30 days where nothing is said; a negative number is refused."""
    with Store.open(tmp_path / "var", now=Clock()) as store:
        assert scrubbing(config(tmp_path, 0), store) is None
        assert scrubbing(config(tmp_path, 0.5), store) is not None
    assert config(tmp_path, 7).retention.scrub_days == 7
    assert parse("{ae_title: ECHONODE}", {}).retention.scrub_days == 30
    with pytest.raises(ConfigError):
        config(tmp_path, -1)

"""OpenIGTLink senders and recordings in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import parse
from tests.unit.config.test_loading import faults

PROBE = """
ae_title: ECHONODE
data_dir: {folder}/var
probes:
  - name: tablet
{lines}
"""


def text(folder: Path, *lines: str) -> str:
    return PROBE.format(folder=folder, lines="\n".join(f"    {line}" for line in lines))


def test_a_sender_is_connected_to_or_listened_for(tmp_path: Path) -> None:
    """Either is enough; what is known of its images stands next to it."""
    config = parse(
        text(
            tmp_path,
            "protocol: openigtlink",
            "listen: 0.0.0.0:18944",
            "device: Image_Reference",
            "image: {colour_order: bgra, orientation: UF, window: [0, 4095]}",
            "profile: {spacing_mm: [0.2, 0.1]}",
        ),
        {},
    )
    (probe,) = config.probes
    assert (probe.listen, probe.device) == ("0.0.0.0:18944", "Image_Reference")
    assert probe.profile.spacing_mm == (0.2, 0.1)
    assert not probe.profile.calibrated
    parse(text(tmp_path, "protocol: openigtlink", "connect: 10.0.0.9:18944"), {})


def test_a_recording_is_there(tmp_path: Path) -> None:
    """Its path must exist when the configuration is checked, not only when it is played."""
    film = tmp_path / "film.mha"
    lines = ("protocol: file", f"path: {film}", "loop: true", "fps: 30")
    assert "does not exist" in faults(text(tmp_path, *lines))["probes[0].path"]
    film.touch()
    (probe,) = parse(text(tmp_path, *lines), {}).probes
    assert (probe.path, probe.loop, probe.fps) == (film, True, 30)


@pytest.mark.parametrize(
    ("lines", "path", "words"),
    [
        (("protocol: openigtlink",), "connect", "18944"),
        (("protocol: openigtlink", "dialect: kit", "connect: h:1"), "dialect", "no dialects"),
        (("protocol: openigtlink", "connect: h:1", "path: x"), "path", "has no `path`"),
        (("protocol: file",), "path", "is missing"),
        (
            ("protocol: openigtlink", "connect: h:1", "addresses: [10.0.0.1]"),
            "addresses",
            "connects to the probe itself",
        ),
        (
            ("protocol: openigtlink", "listen: h:1", "addresses: [10.0.0.1/8]"),
            "addresses[0]",
            "10.0.0.0/24",
        ),
        (("protocol: file", "path: /", "connect: h:1"), "connect", "no address"),
        (("protocol: file", "path: /", "device: us"), "device", "has no `device`"),
        (("protocol: echopen", "dialect: kit", "connect: h:1", "loop: true"), "loop", "has no"),
    ],
)
def test_keys_of_another_protocol_are_named(
    lines: tuple[str, ...], path: str, words: str, tmp_path: Path
) -> None:
    """A key that would do nothing is a mistake, and said to be one."""
    assert words in faults(text(tmp_path, *lines))[f"probes[0].{path}"]


@pytest.mark.parametrize(
    "line",
    [
        "image: {orientation: MARKED}",
        "image: {colour_order: gbr}",
        "image: {window: [5, 5]}",
        "profile: {spacing_mm: [0.2]}",
        "profile: {spacing_mm: [0, 0.1]}",
        "profile: {spacing_mm: [20, 20]}",
        "image: {burned_in: perhaps}",
        "image: {burned_in: 1}",
        "image: {rows: 63}",
        "profile: {transducer_type: linear}",
        "profile: {transducer_type: A_NAME_OF_17_CHAR}",
    ],
)
def test_values_that_cannot_be_are_refused(line: str, tmp_path: Path) -> None:
    """Before a single wrong image is made."""
    assert faults(text(tmp_path, "protocol: openigtlink", "connect: h:1", line))


@pytest.mark.parametrize(
    ("written", "read"),
    [("yes", "yes"), ("no", "no"), ("'no'", "no"), ("true", "yes"), ("unknown", "unknown")],
)
def test_burned_in_is_yes_no_or_unknown(written: str, read: str, tmp_path: Path) -> None:
    """With quotes or without: YAML takes a bare yes or no for a truth value."""
    lines = ("protocol: openigtlink", "connect: h:1", f"image: {{burned_in: {written}}}")
    (probe,) = parse(text(tmp_path, *lines), {}).probes
    assert probe.image.burned_in == read


def test_an_institution_is_what_is_said_of_it(tmp_path: Path) -> None:
    """All of it may be left out; what does not fit its attribute is refused."""
    lines = ("protocol: openigtlink", "connect: h:1")
    assert parse(text(tmp_path, *lines), {}).institution.name == ""
    place = "institution: {name: Clinic, address: 'Way 1, Town', department: OB, station: ROOM1}"
    known = parse(text(tmp_path, *lines) + place, {}).institution
    assert (known.name, known.address) == ("Clinic", "Way 1, Town")
    assert (known.department, known.station) == ("OB", "ROOM1")
    for key, value in (("station", "x" * 17), ("name", "x" * 65), ("address", "a\\\\b")):
        wrong = text(tmp_path, *lines) + f'institution: {{{key}: "{value}"}}'
        assert f"institution.{key}" in faults(wrong)

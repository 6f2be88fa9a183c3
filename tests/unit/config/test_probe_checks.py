"""Probes in the configuration: every dialect that is spoken, and what each needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import Config, parse
from echonode.errors import ConfigError
from echonode.frames.settings import StreamSettings
from echonode.frames.source.transport import CommandAndBind, ConnectTo
from echonode.frames.streams.protocols import PROTOCOLS
from echonode.node.settings.probes import source_settings
from echonode.probe.kinematics import Kinematics
from echonode.probe.profile import ProbeProfile


def configured(probe: str, tmp_path: Path) -> Config:
    return parse(f"ae_title: ECHONODE\ndata_dir: {tmp_path}\nprobes:\n  - {probe}\n", {})


def faults(probe: str, tmp_path: Path) -> dict[str, str]:
    """path -> 'problem. remedy' of every fault."""
    with pytest.raises(ConfigError) as caught:
        configured(probe, tmp_path)
    return {fault.path: f"{fault.problem}. {fault.remedy}" for fault in caught.value.faults}


@pytest.mark.parametrize("key", sorted(set(PROTOCOLS) - {("file", "")}))
def test_what_may_be_configured_is_what_is_spoken(key: tuple[str, str]) -> None:
    """Each line of the table names a stream that is there; a recording brings its own."""
    profile = ProbeProfile(r0_mm=80, rf_mm=160, sector_deg=57)
    assert PROTOCOLS[key].new_stream(StreamSettings(profile=profile)).counts.frames == 0


@pytest.mark.parametrize(
    ("probe", "place", "remedy"),
    [
        ("{name: p, protocol: echopn, connect: 'a:1'}", "protocol", "Did you mean `echopen`?"),
        ("{name: p, protocol: usb, connect: 'a:1'}", "protocol", "Use openigtlink, file or"),
        ("{name: p, protocol: echopen, connect: 'a:1'}", "dialect", "sweeping, kit, lounger or"),
        ("{name: p, protocol: echopen, dialect: knit, connect: 'a:1'}", "dialect", "mean `kit`?"),
        ("{name: p, protocol: openigtlink, dialect: kit, connect: 'a:1'}", "dialect", "Remove"),
    ],
)
def test_a_protocol_that_is_not_spoken_is_named_with_those_that_are(
    probe: str, place: str, remedy: str, tmp_path: Path
) -> None:
    """At the word that is wrong."""
    found = faults(probe, tmp_path)
    assert list(found) == [f"probes[0].{place}"]
    assert remedy in found[f"probes[0].{place}"]


@pytest.mark.parametrize("dialect", ["kit", "lounger"])
def test_a_probe_with_a_header_needs_no_profile(dialect: str, tmp_path: Path) -> None:
    """Its address is enough."""
    probe = f"{{name: p, protocol: echopen, dialect: {dialect}, connect: '10.0.0.3:7538'}}"
    settings = source_settings(configured(probe, tmp_path).probes[0])
    assert settings.way == ConnectTo(host="10.0.0.3", port=7538)
    assert settings.dialect == dialect


def test_a_sweeping_probe_is_asked_for_what_it_does_not_send(tmp_path: Path) -> None:
    """Each missing value is named with its place; with them it is accepted."""
    probe = "{name: p, protocol: echopen, dialect: sweeping, connect: '10.0.0.3:7538'"
    found = faults(probe + ", profile: {r0_mm: 80}}", tmp_path)
    assert set(found) == {"probes[0].profile.rf_mm", "probes[0].profile.sector_deg"}
    assert all("no header" in text for text in found.values())
    whole = probe + ", profile: {r0_mm: 80, rf_mm: 160, sector_deg: 57}}"
    stream = source_settings(configured(whole, tmp_path).probes[0]).stream
    assert (stream.profile.r0_mm, stream.profile.sector_deg) == (80, 57)
    assert PROTOCOLS["echopen", "sweeping"].new_stream(stream).greeting() == b""


def test_an_epf_probe_has_two_addresses(tmp_path: Path) -> None:
    """Commands go to `connect`; lines arrive at `listen`, or where we face the probe."""
    probe = "{name: p, protocol: echopen, dialect: epf, connect: '192.168.4.1:50000'"
    bound = configured(probe + ", listen: '192.168.4.2:51001'}", tmp_path)
    assert source_settings(bound.probes[0]).way == CommandAndBind(
        host="192.168.4.1", port=50000, local_host="192.168.4.2", local_port=51001
    )
    facing = configured(probe + "}", tmp_path)
    assert source_settings(facing.probes[0]).way == CommandAndBind(
        host="192.168.4.1", port=50000, local_host=None, local_port=51000
    )


@pytest.mark.parametrize("dialect", ["kit", "lounger", "epf"])
def test_a_probe_without_an_address_is_a_fault(dialect: str, tmp_path: Path) -> None:
    """The remedy names the usual port."""
    found = faults(f"{{name: p, protocol: echopen, dialect: {dialect}}}", tmp_path)
    assert ("50000" if dialect == "epf" else "7538") in found["probes[0].connect"]


def test_only_epf_connects_and_listens_at_once(tmp_path: Path) -> None:
    """For the others one of the two would mean nothing."""
    probe = "{name: p, protocol: echopen, dialect: kit, connect: 'a:1', listen: 'b:2'}"
    assert "exclude" in str(faults(probe, tmp_path))


def test_the_whole_profile_and_the_signal_chain_arrive(tmp_path: Path) -> None:
    """Gain, curve, persistence, lines and movement reach the room that does the work."""
    probe = (
        "{name: p, protocol: echopen, dialect: epf, connect: '192.168.4.1:50000', "
        "profile: {lines: 128, kinematics: probe_v1_8mhz, sampling_mhz: 94.6, decimation: 20, "
        "sound_speed_m_s: 1540}, "
        "image: {gain_db: 6, tgc: [[0, 0], [60, 12.5]], persistence: 0.4}}"
    )
    stream = source_settings(configured(probe, tmp_path).probes[0]).stream
    assert stream.profile.lines == 128
    assert stream.profile.kinematics is Kinematics.PROBE_V1_8MHZ
    assert stream.profile.sampling_rate_hz == pytest.approx(94.6e6)
    assert (stream.image.gain_db, stream.image.persistence) == (6, 0.4)
    assert stream.image.tgc == ((0, 0), (60, 12.5))


@pytest.mark.parametrize(
    ("image", "place"),
    [
        ("{persistence: 1.0}", "probes[0].image.persistence"),
        ("{tgc: [[10, 0], [5, 3]]}", "probes[0].image"),
        ("{tgc: [[10, 90]]}", "probes[0].image.tgc"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(image: str, place: str, tmp_path: Path) -> None:
    """At its place in the file, before the node starts."""
    probe = f"{{name: p, protocol: echopen, dialect: kit, connect: 'a:1', image: {image}}}"
    assert any(path.startswith(place) for path in faults(probe, tmp_path))

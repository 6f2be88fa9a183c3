"""A probe's section of the configuration reaches its source, in the units that it works in."""

from __future__ import annotations

from pathlib import Path

from echonode.config import parse
from echonode.frames.frame import ProbeIdentity
from echonode.frames.picture_settings import BurnedIn, ColourOrder, Orientation
from echonode.frames.source.file_player import PlayFile
from echonode.frames.source.source import SourceSettings
from echonode.frames.source.transport import ConnectTo, ListenAt
from echonode.node.settings.probes import cine_bytes_per_s, source_settings


def settings_of(folder: Path, probe: str) -> SourceSettings:
    config = parse(f"ae_title: NODE\ndata_dir: {folder}\nprobes:\n  - {{name: p, {probe}}}\n", {})
    return source_settings(config.probes[0])


def test_an_openigtlink_sender_either_way(tmp_path: Path) -> None:
    """connect becomes a client, listen a listener; IPv6 addresses lose their brackets."""
    client = settings_of(tmp_path, "protocol: openigtlink, connect: '[::1]:18944'")
    listener = settings_of(tmp_path, "protocol: openigtlink, listen: 0.0.0.0:18945")
    assert client.way == ConnectTo(host="::1", port=18944)
    assert listener.way == ListenAt(host="0.0.0.0", port=18945)


def test_a_recording_is_played_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    """The player has the settings that a stream would have."""
    (tmp_path / "film.mha").touch()
    made = settings_of(
        tmp_path,
        f"protocol: file, path: {tmp_path}/film.mha, fps: 12.5, profile: {{calibrated: true}}",
    )
    assert isinstance(made.way, PlayFile)
    assert (made.way.fps, made.way.loop) == (12.5, False)
    assert made.way.stream == made.stream
    assert made.stream.picture.calibrated


def test_what_is_known_of_images_reaches_their_stream(tmp_path: Path) -> None:
    """Device, colour order, orientation, window and spacing."""
    picture = settings_of(
        tmp_path,
        "protocol: openigtlink, connect: h:1, device: us, profile: {spacing_mm: [0.2, 0.1]},"
        "image: {colour_order: bgra, orientation: UN, window: [1, 2]}",
    ).stream.picture
    assert (picture.device, picture.spacing_mm, picture.window) == ("us", (0.2, 0.1), (1, 2))
    assert (picture.colour_order, picture.orientation) == (ColourOrder.BGRA, Orientation.UN)


def test_the_size_of_the_image_is_the_operators_where_he_gives_it(tmp_path: Path) -> None:
    """Nothing given leaves it to the sector's shape; what the disk must take is known anyhow."""
    probe = "protocol: echopen, dialect: kit, connect: h:1"
    rates = []
    for text, sides in (
        ("", (None, None)),
        (", image: {rows: 480}", (480, None)),
        (", image: {rows: 480, columns: 640}", (480, 640)),
    ):
        config = parse(
            f"ae_title: NODE\ndata_dir: {tmp_path}\nprobes:\n  - {{name: p, {probe}{text}}}\n", {}
        )
        image = source_settings(config.probes[0]).stream.image
        assert (image.rows, image.columns) == sides
        rates.append(cine_bytes_per_s(config.probes))
    assert rates == [20 * 512 * 512, 20 * 480 * 480, 20 * 480 * 640]
    assert cine_bytes_per_s(()) == rates[0]


def test_the_equipment_is_the_operators_word_and_nothing_else(tmp_path: Path) -> None:
    """What the protocol tells comes with the frames."""
    plain = settings_of(tmp_path, "protocol: echopen, dialect: kit, connect: h:1").identity
    assert plain == ProbeIdentity(name="p")
    named = settings_of(
        tmp_path,
        "protocol: echopen, dialect: kit, connect: h:1, profile: {manufacturer: Us, model: Mine,"
        "serial: '7', transducer: PZT, transducer_type: LINEAR}",
    ).identity
    assert (named.manufacturer, named.model, named.serial) == ("Us", "Mine", "7")
    assert (named.transducer, named.transducer_type) == ("PZT", "LINEAR")


def test_what_is_said_of_text_in_the_pixels_reaches_the_stream(tmp_path: Path) -> None:
    """Nothing said stays nothing."""
    for said, expected in (("", None), ("image: {burned_in: no},", BurnedIn.NO)):
        settings = settings_of(tmp_path, f"{said} protocol: openigtlink, connect: h:1")
        assert settings.stream.picture.burned_in is expected

"""A protocol that EchoNode does not know: one new file and one line, outside EchoNode or in it."""

from __future__ import annotations

import os
import socket
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from echonode.config import parse
from echonode.errors import ConfigError
from echonode.frames.frame import Acquisition
from echonode.frames.source.source import ProbeSource
from echonode.frames.streams.protocols import PROTOCOLS, Protocol
from echonode.node.settings.probes import source_settings
from tests.peers.node_process import ROOT, EchoNodeProcess
from tests.support.waiting import wait_until

GUIDE = ROOT / "docs" / "writing-a-protocol.md"
ROWS, COLUMNS, FRAMES = 48, 64, 30


def block(language: str, word: str) -> str:
    """The guide's one block of code in `language` that has `word` in it."""
    [text] = [
        code
        for code in (
            part.partition("```")[0] for part in GUIDE.read_text().split(f"```{language}\n")
        )
        if word in code
    ]
    return text


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages: the file of the guide is in it, the line is not yet."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "my_probe.py").write_text(block("python", "class MyStream"))
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("my_probe", None)


def install(site: Path) -> None:
    """The line of a package of its own, with the metadata that pip makes of pyproject.toml."""
    file = site / "my_probe.py"
    file.write_text(file.read_text() + "\n\n" + block("python", "PROTOCOL = "))
    project: dict[str, Any] = tomllib.loads(block("toml", "echonode.protocols"))["project"]
    info = site / f"my_probe-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def probe(port: int) -> dict[str, Any]:
    """Its section of the configuration."""
    return {
        "name": "new",
        "protocol": "mine",
        "connect": f"127.0.0.1:{port}",
        "capture": {"mode": "auto", "gap_s": 60},  # the connection ends the clip
    }


def configuration(folder: Path, port: int) -> str:
    return f"ae_title: ECHONODE\ndata_dir: {folder}/var\nprobes: [{probe(port)}]\n"


@contextmanager
def sender() -> Iterator[int]:
    """A probe as in the guide's example; its port. It sends FRAMES frames, cut at odd places."""
    wire = b"".join(
        number.to_bytes(4, "big") + bytes([number]) * (ROWS * COLUMNS) for number in range(FRAMES)
    )

    def send() -> None:
        sock, _ = server.accept()
        with sock:
            for start in range(0, len(wire), 1000):
                sock.sendall(wire[start : start + 1000])

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=send)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def test_a_package_of_its_own_streams_a_clip_through_the_node(
    site: Path, make_echonode: Callable[..., EchoNodeProcess]
) -> None:
    """`echonode run` finds it among the installed packages, and stores what its probe sends."""
    install(site)
    path = os.pathsep.join([str(ROOT), str(site)])
    with sender() as port:
        node = make_echonode(probes=[probe(port)], env={"PYTHONPATH": path})
        node.wait_for("instance_stored")
    assert all(event["event"] != "probe_link_fault" for event in node.events)
    [file] = node.stored_files()
    pixels = dcmread(file).pixel_array
    assert pixels.shape == (FRAMES, ROWS, COLUMNS)
    assert all(np.all(frame == n) for n, frame in enumerate(pixels))


def test_one_line_in_the_table_streams_a_clip(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this repository: the configuration takes it, and its frames become one clip."""
    assert site in map(Path, sys.path)
    line = {("mine", ""): Protocol(stream="my_probe:MyStream")}
    monkeypatch.setattr(
        "echonode.frames.streams.protocol_table.PROTOCOLS", MappingProxyType({**PROTOCOLS, **line})
    )
    taken: list[Acquisition] = []
    with sender() as port:
        config = parse(configuration(tmp_path, port), {})
        source = ProbeSource(source_settings(config.probes[0]), on_acquisition=taken.append)
        source.start()
        wait_until(lambda: bool(taken))
        assert source.stop(30)
    [clip] = taken
    assert clip.dropped == 0
    assert all(np.all(frame.pixels == n) for n, frame in enumerate(clip.frames))
    assert [frame.pixels.shape for frame in clip.frames] == [(ROWS, COLUMNS)] * FRAMES


def test_without_its_line_it_is_not_spoken(tmp_path: Path) -> None:
    """check-config says which protocols there are."""
    with pytest.raises(ConfigError, match="'mine' is not spoken by this version"):
        parse(configuration(tmp_path, 1), {})


def test_a_package_that_cannot_be_imported_is_a_fault_of_the_configuration(
    site: Path, tmp_path: Path
) -> None:
    """At the probe that names it, with what its module raised; nothing crashes."""
    install(site)
    (site / "my_probe.py").write_text("import a_module_that_is_not_there")
    with pytest.raises(ConfigError) as caught:
        parse(configuration(tmp_path, 1), {})
    [fault] = caught.value.faults
    assert fault.path == "probes[0].protocol"
    assert "my-probe 1.0" in fault.problem
    assert "a_module_that_is_not_there" in fault.problem

"""A protocol that EchoNode does not know: one new file and one line in a table."""

from __future__ import annotations

import importlib
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from echonode.config import parse
from echonode.errors import ConfigError
from echonode.frames.frame import Acquisition
from echonode.frames.source.source import ProbeSource
from echonode.frames.streams import protocols
from echonode.frames.streams.protocols import PROTOCOLS, Protocol
from echonode.node.settings.probes import source_settings
from tests.support.waiting import wait_until

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "writing-a-protocol.md"
ROWS, COLUMNS, FRAMES = 48, 64, 30


def example() -> str:
    """The stream that the guide shows to probe authors."""
    [text] = [
        block.partition("```")[0]
        for block in GUIDE.read_text().split("```python\n")[1:]
        if "class MyStream" in block
    ]
    return text


@pytest.fixture
def my_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The new file, and the new line."""
    (tmp_path / "my_probe.py").write_text(example())
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    line = {("mine", ""): Protocol(stream="my_probe:MyStream")}
    table = MappingProxyType({**PROTOCOLS, **line})
    for module in (
        "echonode.config.probe_checks",
        "echonode.frames.source.source",
        "echonode.node.settings.probes",
    ):
        monkeypatch.setattr(f"{module}.PROTOCOLS", table)
    monkeypatch.setattr(protocols, "PROTOCOLS", table)
    yield
    sys.modules.pop("my_probe", None)


def configuration(folder: Path, port: int) -> str:
    return (
        f"ae_title: ECHONODE\ndata_dir: {folder}/var\nprobes:\n"
        f"  - {{name: new, protocol: mine, connect: '127.0.0.1:{port}', "
        f"capture: {{mode: auto, gap_s: 0.5}}}}\n"
    )


def send(server: socket.socket) -> None:
    """What the probe of the guide's example sends: FRAMES frames, cut at odd places."""
    sock, _ = server.accept()
    with sock:
        frames = (
            number.to_bytes(4, "big") + bytes([number]) * (ROWS * COLUMNS)
            for number in range(FRAMES)
        )
        wire = b"".join(frames)
        for start in range(0, len(wire), 1000):
            sock.sendall(wire[start : start + 1000])


@pytest.mark.usefixtures("my_probe")
def test_one_file_and_one_line_stream_a_clip(tmp_path: Path) -> None:
    """The configuration takes it, the node connects, and its frames become one clip."""
    taken: list[Acquisition] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = threading.Thread(target=send, args=(server,))
        sender.start()
        config = parse(configuration(tmp_path, server.getsockname()[1]), {})
        source = ProbeSource(source_settings(config.probes[0]), on_acquisition=taken.append)
        source.start()
        wait_until(lambda: bool(taken))
        assert source.stop(5)
        sender.join(10)
    [clip] = taken
    assert len(clip.frames) == FRAMES
    assert clip.dropped == 0
    assert all(np.all(frame.pixels == n) for n, frame in enumerate(clip.frames))
    assert clip.frames[0].pixels.shape == (ROWS, COLUMNS)


def test_without_its_line_it_is_not_spoken(tmp_path: Path) -> None:
    """check-config says which protocols there are."""
    with pytest.raises(ConfigError, match="'mine' is not spoken by this version"):
        parse(configuration(tmp_path, 1), {})

"""Protocols of installed distributions: found by name, and their faults are said in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from echonode.errors import ProtocolUnusable
from echonode.frames.streams.protocol_table import dialects_of, find_protocol, known_protocols
from echonode.frames.streams.protocols import PROTOCOLS

GOOD = """
from echonode.frames.streams.protocols import Protocol, Wire
PROTOCOL = Protocol(stream="outside:Stream", usual_port=9)
RECORDING = Protocol(stream="outside:Stream", wire=Wire.FILE)
ELSEWHERE = Protocol(stream="nowhere_at_all:Stream")
NUMBER = 7
NOT_CALLABLE = Protocol(stream="outside:NUMBER")
class Stream: ...
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Writes a distribution's metadata, and the module `outside`, where Python finds them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(entry: str, *, name: str = "acme", module: str = GOOD) -> None:
        (tmp_path / "outside.py").write_text(module)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[echonode.protocols]\n{entry}\n")

    yield write
    sys.modules.pop("outside", None)


def unusable(protocol: str, dialect: str = "") -> str:
    with pytest.raises(ProtocolUnusable) as caught:
        find_protocol(protocol, dialect)
    return str(caught.value)


def test_an_installed_protocol_is_found_and_listed(install: Install) -> None:
    """After EchoNode's own, by the name of its entry point."""
    install("mine = outside:PROTOCOL")
    found = find_protocol("mine", "")
    assert found is not None
    assert found.usual_port == 9
    assert known_protocols() == [*PROTOCOLS, ("mine", "")]


def test_a_name_with_a_point_is_protocol_and_dialect(install: Install) -> None:
    """Each dialect has an entry point; the protocol alone is not spoken then."""
    install("mine.one = outside:PROTOCOL\nmine.two = outside:PROTOCOL")
    assert dialects_of("mine") == ["one", "two"]
    assert find_protocol("mine", "two") is not None
    assert find_protocol("mine", "") is None


def test_a_protocol_that_no_probe_names_is_not_imported(install: Install) -> None:
    """One broken distribution does not stop a node that has no use for it."""
    install("mine = outside:PROTOCOL", module="raise SystemExit('not today')")
    assert ("mine", "") in known_protocols()
    assert find_protocol("echopen", "kit") is PROTOCOLS["echopen", "kit"]
    assert "outside" not in sys.modules


@pytest.mark.parametrize(
    ("entry", "module", "said"),
    [
        ("mine = outside:PROTOCOL", "import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("mine = outside:PROTOCOL", "raise SystemExit('not today')", "SystemExit: not today"),
        ("mine = outside:PROTOCOL", "def", "SyntaxError"),
        ("mine = outside:MISSING", GOOD, "MISSING"),
        ("mine = not a module", GOOD, "not a module cannot be imported"),
        ("mine = outside:NUMBER", GOOD, "outside:NUMBER is a int, not a Protocol"),
        ("mine = outside:RECORDING", GOOD, "Wire.FILE"),
        ("mine = outside:ELSEWHERE", GOOD, "nowhere_at_all:Stream cannot be imported"),
        ("mine = outside:NOT_CALLABLE", GOOD, "outside:NUMBER cannot be called"),
    ],
)
def test_a_fault_names_the_distribution_and_what_is_wrong(
    install: Install, entry: str, module: str, said: str
) -> None:
    """Whatever its module does, the operator reads one line."""
    install(entry, module=module)
    message = unusable("mine")
    assert "`mine` of the distribution acme 1.0 cannot be used" in message
    assert said in message
    assert "\n" not in message


def test_two_distributions_of_one_protocol_exclude_each_other(install: Install) -> None:
    """Which one is meant is for the operator to say."""
    install("mine = outside:PROTOCOL")
    install("mine = outside:PROTOCOL", name="rival")
    message = unusable("mine")
    assert "acme 1.0" in message
    assert "rival 1.0" in message
    assert "Uninstall" in message


def test_a_distribution_cannot_replace_a_protocol_of_echonode(install: Install) -> None:
    """Nor does it break the other protocols."""
    install("echopen.kit = outside:PROTOCOL")
    assert "EchoNode itself and of acme 1.0" in unusable("echopen", "kit")
    assert find_protocol("echopen", "lounger") is PROTOCOLS["echopen", "lounger"]


def test_the_first_of_two_versions_on_the_path_counts(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an import has it; the second is no clash."""
    install("mine = outside:PROTOCOL")
    older = tmp_path / "older" / "acme-0.9.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: Acme\nVersion: 0.9\n")
    (older / "entry_points.txt").write_text("[echonode.protocols]\nmine = outside:MISSING\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(older.parent)])
    assert find_protocol("mine", "") is not None


@pytest.mark.parametrize("text", ["[echonode.protocols]\nno equals sign", "no section = at all"])
def test_metadata_that_cannot_be_read_brings_no_protocol(
    install: Install, tmp_path: Path, text: str
) -> None:
    """And takes none away."""
    install("mine = outside:PROTOCOL")
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "entry_points.txt").write_text(text)
    assert find_protocol("mine", "") is not None


def test_a_distribution_without_a_name_can_bring_one(install: Install, tmp_path: Path) -> None:
    """Its METADATA is missing; the entry point is there."""
    install("mine = outside:PROTOCOL")
    (tmp_path / "acme-1.0.dist-info" / "METADATA").unlink()
    assert find_protocol("mine", "") is not None

"""check-config answers each common mistake with what was written and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import load, parse
from echonode.errors import ConfigError
from tests.unit.config.test_loading import faults, good

# (the line as it should be, the broken line, the path named, words of the answer)
MISTAKES = [
    ("port: 4242", "port: '4242'", "peers.pacs.port", "Write it without quotes: 4242."),
    ("port: 11112}\npeers", "port: 0104}\npeers", "listen[0].port", "Write 104"),
    ("port: 4242", "port: 1:30", "peers.pacs.port", "base 60"),
    (
        "ECHONODE",
        "ECHONODE_IN_THE_CLINIC",
        "ae_title",
        "has 22 characters; an AE title has 1 to 16",
    ),
    (
        "listen:\n  - {host: 127.0.0.1, port: 11112}",
        "listen: {host: 127.0.0.1, port: 11112}",
        "listen",
        "is not a list. Begin each entry with `- `",
    ),
    ("listen:\n  - {host: 127.0.0.1, port: 11112}", "listen:", "listen", "is not a list"),
    (
        "web: {",
        "retention: {keep_days_after_commit: forever}\nweb: {",
        "retention.keep_days_after_commit",
        "forever is not a number of days. Give a number of days",
    ),
    (
        "mode: auto,",
        "mode: auto, patient: {id: X, birth_date: 2026-01-01},",
        "probes[0].capture.patient.birth_date",
        'Write YYYYMMDD in quotes: "20260101"',
    ),
    (
        "commitment: required",
        "commitment: required, statuses: {a702: {treatment: hold}}",
        "destinations[0].statuses.a702",
        "four capital hexadecimal digits",
    ),
    ("host: 10.0.0.9", "host: 'http://10.0.0.9'", "peers.viewer.host", "take away `http://`"),
    ("web: {", "web: 8080\nunused: {", "web", "is not a section"),
    ("gap_s: 1.0", "gap_s: soon", "probes[0].capture.gap_s", "soon does not fit"),
]


def without_web(text: str) -> str:
    """The configuration without its `web` section."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("web:"))


@pytest.mark.parametrize(("line", "broken", "path", "words"), MISTAKES)
def test_a_mistake_is_answered_with_what_to_write(
    tmp_path: Path, line: str, broken: str, path: str, words: str
) -> None:
    """The answer names the value that was found, and the one that fits."""
    text = good(tmp_path)
    assert line in text
    assert words in faults(text.replace(line, broken, 1))[path]


def test_every_fault_is_named_in_one_round(tmp_path: Path) -> None:
    """Faults of shape, of a section's own rules and between sections come together."""
    text = good(tmp_path)
    text = text.replace("peer: pacs,", "peer: pasc,")  # between sections
    text += "retention: {keep_days_after_commit: long}\n"  # shape
    text = text.replace(
        "    capture:",
        "    image: {rows: 1, band_mhz: [5, 1], tgc: [[9, 0], [4, 0]], window: [5, 5]}\n"
        "    profile: {r0_mm: 50, rf_mm: 40}\n"  # a section's own rule
        "    capture:",
    )
    assert set(faults(text)) == {
        "destinations[0].peer",
        "retention.keep_days_after_commit",
        "probes[0].image.rows",
        "probes[0].image.band_mhz",
        "probes[0].image.tgc",
        "probes[0].image.window",
        "probes[0].profile",
    }


@pytest.mark.parametrize(
    ("line", "broken", "path"),
    [
        ("ae_title: ORTHANC, ", "", "peers.pacs.ae_title"),
        ("port: 4242", "port: x", "peers.pacs.port"),
        ("[echo, store, commit]", "[echo, stroe]", "peers.pacs.may[1]"),
        ("protocol: echopen", "protocol: usb", "probes[0].protocol"),
        ("connect: 127.0.0.1:7538", "connect: 127.0.0.1", "probes[0].connect"),
        ("  viewer: {", "  'a b': {", "peers.a b"),
        ("commitment: required", "commitment: always", "destinations[0].commitment"),
    ],
)
def test_a_fault_brings_no_others_with_it(
    tmp_path: Path, line: str, broken: str, path: str
) -> None:
    """A value that is wrong is not also reported as missing, or as a name that nothing has."""
    assert set(faults(good(tmp_path).replace(line, broken, 1))) == {path}


def test_a_section_of_the_wrong_kind_hides_no_other_fault(tmp_path: Path) -> None:
    """What does not lean on it is checked all the same."""
    text = good(tmp_path).replace(
        "listen:\n  - {host: 127.0.0.1, port: 11112}", "listen: {host: 127.0.0.1, port: 11112}"
    )
    text = text.replace("peer: pacs,", "peer: pasc,").replace("mode: auto", "mode: manual")
    text = without_web(text)
    assert set(faults(text)) == {"listen", "destinations[0].peer", "probes[0].capture.mode"}


def faults_with_origin(text: str, environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, environ)
    return {fault.path: str(fault) for fault in caught.value.faults}


def test_a_fault_names_its_line_or_its_variable(tmp_path: Path) -> None:
    """The line of the file, and for a value of the environment the variable instead."""
    text = good(tmp_path).replace("port: 4242", "port: 0").replace("mode: auto", "mode: foot")
    found = faults_with_origin(text, {"ECHONODE__ae_title": "TOO_LONG_FOR_AN_AE_TITLE"})
    number = 1 + text.splitlines().index("    capture: {mode: foot, gap_s: 1.0, max_clip_s: 30}")
    assert f"(line {number})" in found["probes[0].capture.mode"]
    assert "(line 7)" in found["peers.pacs.port"]
    assert "(from ECHONODE__ae_title)" in found["ae_title"]


def test_a_variable_in_capitals_is_answered_with_the_right_one(tmp_path: Path) -> None:
    """ECHONODE__AE_TITLE is no key; the key that was meant is named."""
    found = faults_with_origin(good(tmp_path), {"ECHONODE__AE_TITLE": "X"})
    assert "Did you mean `ae_title`?" in found["AE_TITLE"]
    assert "(from ECHONODE__AE_TITLE)" in found["AE_TITLE"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ECHONODE__listen__-1__port", "104"),
        ("ECHONODE__listen__x__port", "104"),
        ("ECHONODE__listen__0__port", "0104"),
        ("ECHONODE__listen__0__port", "[1"),
    ],
)
def test_a_variable_that_is_misread_is_refused(tmp_path: Path, variable: str, value: str) -> None:
    """An index counts from 0; a value has the rules of the file."""
    assert variable in faults(good(tmp_path), {variable: value})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfea\x00e\x00", "is UTF-16, not UTF-8 text. Save it with the encoding UTF-8."),
        (b"ae_title: A\ndata_dir: /caf\xe9\n", "line 2: holds the byte 0xe9"),
        (b"ae_title: A\nx: \x07\n", "line 2, column 4: holds the character U+0007"),
    ],
)
def test_a_file_that_is_no_text_is_answered_with_its_place(
    tmp_path: Path, content: bytes, words: str
) -> None:
    """Saved by another editor, or not a text at all."""
    file = tmp_path / "my.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"Save|Remove") as caught:
        load(file, {})
    assert words in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Editors of Windows put one in front of UTF-8."""
    file = tmp_path / "my.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + good(tmp_path).encode())
    assert load(file, {}).ae_title == "ECHONODE"


def test_relative_paths_are_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file means one store, wherever the command is started."""
    (tmp_path / "clinic").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "clinic" / "film.mha").touch()
    file = tmp_path / "clinic" / "my.yaml"
    probe = "probes: [{name: film, protocol: file, path: film.mha}]\n"
    monkeypatch.chdir(tmp_path / "elsewhere")
    for line, store in (("data_dir: ./var\n", "var"), ("data_dir: ../x\n", "../x"), ("", "var")):
        file.write_text(f"ae_title: A\n{line}{probe}")
        config = load(file, {})
        assert config.data_dir.resolve() == (tmp_path / "clinic" / store).resolve()
        assert config.data_dir.is_absolute()
        assert config.probes[0].path == tmp_path / "clinic" / "film.mha"


def test_a_store_is_not_left_behind_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store in the working directory, where a relative data_dir once led, is not passed over."""
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "my.yaml"
    file.write_text("ae_title: A\ndata_dir: var\n")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "index.sqlite").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="next to the configuration file") as caught:
        load(file, {})
    assert f"data_dir: {tmp_path / 'var'}" in str(caught.value)
    (tmp_path / "conf" / "var").mkdir()
    assert load(file, {}).data_dir == tmp_path / "conf" / "var"


def test_what_nothing_would_capture_is_a_fault(tmp_path: Path) -> None:
    """Manual capture needs a request: the probe's sender, or a person over HTTP."""
    manual = good(tmp_path).replace("mode: auto", "mode: manual")
    assert "record nothing" in faults(without_web(manual))["probes[0].capture.mode"]
    assert parse(manual, {}).probes[0].capture.mode == "manual"
    sender = manual.replace("protocol: echopen\n    dialect: kit", "protocol: openigtlink")
    assert parse(sender, {}).probes[0].capture.mode == "manual"


def test_a_port_that_nothing_opens_is_free(tmp_path: Path) -> None:
    """The viewer's port counts as taken only where it is configured."""
    text = (
        good(tmp_path)
        .replace(", viewer_port: 8081", "")
        .replace("port: 11112}\np", "port: 8081}\np")
    )
    assert parse(text, {}).listen[0].port == 8081

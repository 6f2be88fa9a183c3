"""A configuration is either right, or every fault in it is named with its place and its remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echonode.config import parse
from echonode.errors import ConfigError
from echonode.model.identity import CommitmentPolicy, ReportRoute, Service

GOOD = """
ae_title: ECHONODE
data_dir: {data_dir}
listen:
  - {{host: 127.0.0.1, port: 11112}}
peers:
  pacs: {{ae_title: ORTHANC, host: 127.0.0.1, port: 4242, may: [echo, store, commit]}}
  viewer: {{ae_title: HOROS, host: 10.0.0.9, port: 11112, may: [echo, find, move, get]}}
destinations:
  - {{peer: pacs, commitment: required}}
probes:
  - name: handheld
    protocol: echopen
    dialect: kit
    connect: 127.0.0.1:7538
    capture: {{mode: auto, gap_s: 1.0, max_clip_s: 30}}
web: {{host: 127.0.0.1, port: 8080, viewer_port: 8081}}
"""


def good(tmp_path: Path) -> str:
    return GOOD.format(data_dir=tmp_path / "var")


def faults(text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    """path -> 'problem. remedy' of every fault."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ or {})
    return {fault.path: f"{fault.problem}. {fault.remedy}" for fault in caught.value.faults}


def test_a_whole_configuration_becomes_values(tmp_path: Path) -> None:
    """What the file says is what the node gets."""
    config = parse(good(tmp_path), {})
    assert config.ae_title == "ECHONODE"
    peers = {peer.name: peer for peer in config.peer_values()}
    assert peers["pacs"].may == {Service.ECHO, Service.STORE, Service.COMMIT}
    (destination,) = config.destination_values()
    assert destination.name == "pacs"
    assert destination.commitment is CommitmentPolicy.REQUIRED
    assert config.probes[0].capture.max_clip_s == 30


def test_the_environment_overrides_any_value(tmp_path: Path) -> None:
    """ECHONODE__section__key wins over the file, in lists by number, and reads as YAML."""
    config = parse(
        good(tmp_path),
        {
            "ECHONODE__ae_title": "OTHER",
            "ECHONODE__web__port": "9090",
            "ECHONODE__probes__0__connect": "10.0.0.5:7538",
            "ECHONODE__peers__pacs__may": "[echo, commit]",
            "ECHONODE__retention__keep_days_after_commit": "30",
            "ECHONODE_UNRELATED": "ignored",
        },
    )
    assert config.ae_title == "OTHER"
    assert config.web is not None
    assert config.web.port == 9090
    assert config.probes[0].connect == "10.0.0.5:7538"
    assert config.retention.keep_days_after_commit == 30


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    """An operator corrects a file in one go, not one fault a start."""
    text = good(tmp_path).replace("port: 4242", "port: 0").replace("dialect: kit", "dialect: kti")
    assert set(faults(text)) == {"peers.pacs.port", "probes[0].dialect"}


# (what is broken, the line as it should be, the broken line, the path named, a word of the remedy)
BROKEN = [
    ("unknown top key", "ae_title: ECHONODE", "ae_titel: ECHONODE", "ae_titel", "`ae_title`"),
    ("AE title missing", "ae_title: ECHONODE\n", "\n", "ae_title", "Add it"),
    ("AE title too long", "ECHONODE", "ECHONODE_IN_THE_CLINIC", "ae_title", "1 to 16"),
    ("AE title with backslash", "ECHONODE", "ECHO\\NODE", "ae_title", "backslash"),
    (
        "unknown key in a list",
        "port: 11112}\npeers",
        "prt: 11112}\npeers",
        "listen[0].prt",
        "`port`",
    ),
    ("port too high", "port: 4242", "port: 70000", "peers.pacs.port", "65535"),
    ("port as text", "port: 4242", "port: dicom", "peers.pacs.port", "integer"),
    ("port a boolean", "port: 4242", "port: true", "peers.pacs.port", "integer"),
    ("host is not one", "host: 10.0.0.9", "host: 'http://ris'", "peers.viewer.host", "host name"),
    ("unknown right", "[echo, find, move, get]", "[echo, query]", "peers.viewer.may[1]", "'find'"),
    ("same AE twice", "HOROS", "ORTHANC", "peers.viewer.ae_title", "its own AE title"),
    (
        "another's AE title to call with",
        "ae_title: HOROS,",
        "ae_title: HOROS, calling_ae_titles: [HOROS2, ORTHANC],",
        "peers.viewer.calling_ae_titles[1]",
        "its own AE title",
    ),
    (
        "our AE title to call with",
        "ae_title: HOROS,",
        "ae_title: HOROS, calling_ae_titles: [ECHONODE],",
        "peers.viewer.calling_ae_titles[0]",
        "of its own",
    ),
    ("a peer is ourselves", "HOROS", "ECHONODE", "peers.viewer.ae_title", "of its own"),
    ("destination unknown", "{peer: pacs,", "{peer: pax,", "destinations[0].peer", "pacs, viewer"),
    (
        "unknown policy",
        "commitment: required",
        "commitment: always",
        "destinations[0].commitment",
        "'verify'",
    ),
    (
        "the report cannot come back",
        "[echo, store, commit]",
        "[echo, store]",
        "destinations[0].commitment",
        "peers.pacs.may",
    ),
    ("unknown protocol", "protocol: echopen", "protocol: usb", "probes[0].protocol", "file or"),
    ("dialect missing", "    dialect: kit\n", "", "probes[0].dialect", "kit"),
    ("address without port", "127.0.0.1:7538", "127.0.0.1", "probes[0].connect", "HOST:PORT"),
    ("no address", "    connect: 127.0.0.1:7538\n", "", "probes[0].connect", "7538"),
    ("gap of zero", "gap_s: 1.0", "gap_s: 0", "probes[0].capture.gap_s", "greater than 0"),
    ("gap not a number", "gap_s: 1.0", "gap_s: .nan", "probes[0].capture.gap_s", "finite"),
    ("unknown mode", "mode: auto", "mode: foot", "probes[0].capture.mode", "'manual'"),
    ("two sockets, one port", "port: 8080", "port: 11112", "web.port", "another port"),
    ("viewer port taken", "viewer_port: 8081", "viewer_port: 8080", "web.viewer_port", "another"),
    ("tabs", "ae_title: ECHONODE", "\tae_title: ECHONODE", "line 2, column 1", "Correct"),
    ("unclosed brace", "[echo, store, commit]}", "[echo, store, commit]", "line", "Correct"),
    ("key twice", "ae_title: ECHONODE", "ae_title: A\nae_title: B", "line 3, column 1", "Correct"),
    ("section is a list", "web: {", "web: [{", "line", "Correct"),
    ("name with a slash", "name: handheld", "name: ../etc", "probes[0].name", "letters"),
    (
        "birth date",
        "mode: auto,",
        "mode: auto, patient: {id: X, birth_date: 1/2/70},",
        "probes[0].capture.patient.birth_date",
        "YYYYMMDD",
    ),
    (
        "certificate missing",
        "port: 11112}\npeers",
        "port: 2762, tls: {cert: /no/c.pem, key: /no/k.pem, ca: /no/a.pem}}\npeers",
        "listen[0].tls.cert",
        "PEM",
    ),
]


@pytest.mark.parametrize(
    ("line", "broken", "path", "word"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_each_fault_is_named_with_place_and_remedy(
    tmp_path: Path, line: str, broken: str, path: str, word: str
) -> None:
    """Whatever is wrong, the fault's path leads to it and its text says what to do."""
    text = good(tmp_path)
    assert line in text
    found = faults(text.replace(line, broken, 1))
    (named,) = [key for key in found if key.startswith(path)]
    assert word in found[named]


def test_listening_to_the_world_needs_a_list_of_peers(tmp_path: Path) -> None:
    """No plain listener beyond loopback without peers: an open SCP in a clinic is a leak."""
    text = f"ae_title: A\ndata_dir: {tmp_path}\nlisten: [{{host: 0.0.0.0, port: 104}}]\n"
    assert "peers" in faults(text)["listen[0].host"]


@pytest.mark.parametrize("variable", ["ECHONODE__listen__9__port", "ECHONODE__ae_title__x"])
def test_an_override_that_fits_nowhere_is_a_fault(tmp_path: Path, variable: str) -> None:
    """A typing error in the environment does not pass silently."""
    assert variable in faults(good(tmp_path), {variable: "1"})


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "[" * 5000])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    """An empty or wrong file is named as such, whatever it holds."""
    assert faults(text)


def test_a_file_in_place_of_the_store_is_refused(tmp_path: Path) -> None:
    """data_dir is a folder, or does not exist yet."""
    (tmp_path / "var").write_text("")
    assert "not a folder" in faults(good(tmp_path))["data_dir"]


def test_a_peer_may_want_its_reports_where_it_asked(tmp_path: Path) -> None:
    """`report_on` is one of two associations, and belongs to a peer that may ask for commitment."""
    text = good(tmp_path)
    path = "peers.pacs.report_on"
    assert "commit]" in text
    same = text.replace("commit]", "commit], report_on: same_association", 1)
    (pacs,) = [peer for peer in parse(same, {}).peer_values() if peer.name == "pacs"]
    assert pacs.report_on is ReportRoute.SAME_ASSOCIATION
    assert path in faults(text.replace("commit]", "commit], report_on: telepathy", 1))
    alone = same.replace(", commit]", "]").replace("commitment: required", "commitment: none")
    assert "may not ask for" in faults(alone)[path]


def test_a_peer_may_query_relationally_without_negotiating_it(tmp_path: Path) -> None:
    """`relational` is true or false, and belongs to a peer that may query."""
    text = good(tmp_path)
    path = "peers.pacs.relational"
    (pacs,) = [peer for peer in parse(text, {}).peer_values() if peer.name == "pacs"]
    assert not pacs.relational
    on = text.replace("commit]", "commit, find], relational: true", 1)
    (pacs,) = [peer for peer in parse(on, {}).peer_values() if peer.name == "pacs"]
    assert pacs.relational
    assert path in faults(on.replace("relational: true", "relational: sometimes"))
    assert "may not make" in faults(on.replace(", find", ""))[path]


@pytest.mark.parametrize("name", ["echonode.yaml"])
def test_the_shipped_example_is_valid(name: str) -> None:
    """Who copies the example starts from a file that works."""
    root = Path(__file__).parents[3]
    config = parse((root / "config" / name).read_text(), {})
    assert config.ae_title
    assert os.fspath(config.data_dir)


def test_the_shipped_example_names_no_peer_that_it_made_up() -> None:
    """With Orthanc as Debian installs it, preflight passes: it calls every peer that is listed."""
    root = Path(__file__).parents[3]
    config = parse((root / "config" / "echonode.yaml").read_text(), {})
    assert {(peer.ae_title, peer.host, peer.port) for peer in config.peer_values()} == {
        ("ORTHANC", "127.0.0.1", 4242)
    }

"""Settings that work and expose something are named, with who could do what and the remedy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from echonode.config import as_yaml, doubts, parse, summary
from echonode.errors import ConfigError
from tests.unit.config.test_loading import good

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def doubted(text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    """path -> 'problem. remedy' of every doubt."""
    config = parse(text, {})
    return {
        doubt.path: f"{doubt.problem}. {doubt.remedy}"
        for doubt in doubts(config, environ or {}, NOW)
    }


def quiet(tmp_path: Path) -> str:
    """The good configuration without a key ahead of its feature."""
    return good(tmp_path).replace(", viewer_port: 8081", "")


def open_to_the_network(tmp_path: Path) -> str:
    return quiet(tmp_path).replace("listen:\n  - {host: 127.0.0.1,", "listen:\n  - {host: 0.0.0.0,")


def test_a_node_that_only_this_machine_reaches_leaves_no_doubt(tmp_path: Path) -> None:
    """Loopback needs no addresses."""
    assert doubted(quiet(tmp_path)) == {}


def test_a_plain_listener_names_the_peers_that_anybody_can_be(tmp_path: Path) -> None:
    """The AE title alone opens every right of these peers; addresses close it, one by one."""
    text = open_to_the_network(tmp_path)
    found = doubted(text)
    assert "AE title of pacs, viewer" in found["listen[0].host"]
    assert "`addresses`" in found["listen[0].host"]
    text = text.replace("port: 4242,", "port: 4242, addresses: [10.0.0.5],")
    assert "AE title of viewer" in doubted(text)["listen[0].host"]
    text = text.replace("may: [echo, find, move, get]", "may: [find], addresses: [10.0.0.9]")
    assert doubted(text) == {}


def test_core_dumps_that_are_allowed_are_doubted(tmp_path: Path) -> None:
    """They are for finding one fault, and are easily left on."""
    text = quiet(tmp_path) + "\nprocess: {core_dumps: true}\n"
    assert "patients' names" in doubted(text)["process.core_dumps"]
    assert doubted(text.replace("true", "false")) == {}


def test_admission_may_hide_which_title_was_wrong(tmp_path: Path) -> None:
    """Told where nothing is said; a typing error in the key is an error, as everywhere."""
    assert parse(quiet(tmp_path), {}).admission.say_which_title
    text = quiet(tmp_path) + "\nadmission: {say_which_title: false}\n"
    assert not parse(text, {}).admission.say_which_title
    with pytest.raises(ConfigError):
        parse(text.replace("say_which_title", "say_wich_title"), {})


@pytest.mark.parametrize(
    ("line", "other", "path", "words"),
    [
        ("web: {host: 127.0.0.1", "web: {host: 0.0.0.0", "web.host", "TLS"),
        (
            "protocol: echopen\n    dialect: kit\n    connect: 127.0.0.1:7538",
            "protocol: openigtlink\n    listen: 0.0.0.0:18944",
            "probes[0].listen",
            "send images as this probe",
        ),
        ("web: {", "mpps: {peer: pacs}\nweb: {", "mpps", "as unscheduled"),
        (
            "web: {",
            "worklist: {peer: pacs, station_ae_title: []}\nweb: {",
            "worklist.station_ae_title",
            "every station",
        ),
        ("port: 8080", "port: 8080, viewer_port: 8081", "web.viewer_port", "not installed"),
    ],
)
def test_what_exposes_or_does_nothing_is_named(
    tmp_path: Path, line: str, other: str, path: str, words: str
) -> None:
    """Each doubt by its key."""
    text = quiet(tmp_path)
    assert line in text
    assert words in doubted(text.replace(line, other, 1))[path]


def test_a_probe_listener_with_addresses_leaves_no_doubt(tmp_path: Path) -> None:
    """Only the senders named can be the probe."""
    text = quiet(tmp_path).replace(
        "protocol: echopen\n    dialect: kit\n    connect: 127.0.0.1:7538",
        "protocol: openigtlink\n    listen: 0.0.0.0:18944\n    addresses: [10.0.0.0/28]",
    )
    assert doubted(text) == {}


def test_a_console_that_a_proxy_passes_callers_on_to_needs_users(tmp_path: Path) -> None:
    """On loopback with a name of others: doubted until there is a user; the default never is."""
    named = quiet(tmp_path).replace("port: 8080", "port: 8080, names: [echo.clinic.example]")
    assert "while there is no user" in doubted(named)["web.names"]
    assert "echonode user add" in doubted(named)["web.names"]
    assert list(doubts(parse(named, {}), {}, NOW, has_users=True)) == []
    # Beyond loopback there is the set-up page alone until there is a user.
    assert "web.names" not in doubted(named.replace("web: {host: 127.0.0.1", "web: {host: 0.0.0.0"))


def test_a_variable_with_one_underscore_is_named(tmp_path: Path) -> None:
    """ECHONODE_AE_TITLE overrides nothing; a variable of another purpose is not ours to judge."""
    found = doubted(
        quiet(tmp_path),
        {"ECHONODE_AE_TITLE": "X", "ECHONODE_WEB_PORT": "1", "ECHONODE_LICENCE": "y"},
    )
    assert set(found) == {"ECHONODE_AE_TITLE", "ECHONODE_WEB_PORT"}
    assert "ECHONODE__ae_title" in found["ECHONODE_AE_TITLE"]


def test_the_examples_leave_no_doubt_but_the_containers_own(tmp_path: Path) -> None:
    """Who copies an example starts from settings that expose nothing."""
    root = Path(__file__).parents[3]
    assert doubted((root / "config" / "echonode.yaml").read_text()) == {}


def test_the_summary_says_what_the_node_will_do(tmp_path: Path) -> None:
    """The store by its absolute path, each port, each destination with its policy, each probe."""
    lines = list(summary(parse(good(tmp_path), {})))
    assert f"stores in {tmp_path / 'var'}" in lines
    assert "listens as ECHONODE on 127.0.0.1:11112 (plain)" in lines
    assert "delivers to pacs (ORTHANC at 127.0.0.1:4242), commitment required" in lines
    assert "takes frames from handheld: echopen kit at 127.0.0.1:7538, capture auto" in lines
    assert "shows its status at http://127.0.0.1:8080/" in lines


def test_the_configuration_in_force_can_be_printed_and_read_again(tmp_path: Path) -> None:
    """File, environment and defaults in one; what is printed is itself a configuration."""
    config = parse(good(tmp_path), {"ECHONODE__retention__keep_days_after_commit": "3"})
    printed = as_yaml(config)
    assert "keep_days_after_commit: 3.0" in printed
    assert parse(printed, {}) == config

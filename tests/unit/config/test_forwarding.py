"""Forwarding rules: what other modalities store here goes on to destinations."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import parse
from echonode.errors import ConfigError

BASE = """
ae_title: ECHONODE
data_dir: {data_dir}
peers:
  pacs: {{ae_title: PACS, host: 127.0.0.1, port: 4242, may: [echo, store, commit]}}
  backup: {{ae_title: BACKUP, host: 127.0.0.1, port: 4243}}
  scanner: {{ae_title: SCANNER, host: 127.0.0.1, port: 4244, may: [echo, store]}}
  reader: {{ae_title: READER, host: 127.0.0.1, port: 4245, may: [find]}}
destinations:
  - {{peer: pacs, commitment: required}}
  - {{peer: backup, commitment: none}}
forwarding:
"""


def with_rules(tmp_path: Path, *rules: str) -> str:
    return BASE.format(data_dir=tmp_path / "var") + "".join(f"  - {rule}\n" for rule in rules)


def test_rules_say_where_each_peers_instances_go(tmp_path: Path) -> None:
    """One destination or a list; several rules for one peer add up; who has none is not there."""
    text = with_rules(
        tmp_path,
        "{from: scanner, to: pacs}",
        "{from: scanner, to: [pacs, backup]}",
        "{from: pacs, to: [backup]}",
    )
    assert parse(text, {}).forwarding_by_peer() == {
        "scanner": ("pacs", "backup"),
        "pacs": ("backup",),
    }


def test_what_is_posted_to_dicomweb_goes_on_too(tmp_path: Path) -> None:
    """`dicomweb` is a sender where the web is served; its files bear it as their AE title."""
    text = with_rules(tmp_path, "{from: dicomweb, to: pacs}")
    config = parse(f"{text}web: {{port: 8080}}\n", {})
    assert config.forwarding_by_peer() == {"dicomweb": ("pacs",)}
    assert config.forwarding_by_ae_title() == {"DICOMWEB": ("pacs",)}
    with pytest.raises(ConfigError):
        parse(text, {})


@pytest.mark.parametrize("origin", ["*", "viewer.example", "https://viewer.example/path", "null"])
def test_an_origin_is_a_scheme_and_a_host(tmp_path: Path, origin: str) -> None:
    """What a browser sends as Origin; `*` would open DICOMweb to every page."""
    text = with_rules(tmp_path, "{from: scanner, to: pacs}")
    good = f"{text}web: {{cors_origins: ['https://viewer.example:8443']}}\n"
    assert parse(good, {}).web is not None
    with pytest.raises(ConfigError) as caught:
        parse(good.replace("https://viewer.example:8443", origin), {})
    assert "web.cors_origins" in caught.value.faults[0].path


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        ("{from: scaner, to: pacs}", "forwarding[0].from", "Configured peers: pacs, backup"),
        ("{from: reader, to: pacs}", "forwarding[0].from", "Add `store` to peers.reader.may."),
        ("{from: scanner, to: reader}", "forwarding[0].to", "`reader` is no destination"),
        ("{from: pacs, to: pacs}", "forwarding[0].to", "would get back what it sent"),
        ("{from: scanner, to: []}", "forwarding[0].to", ""),
        ("{from: scanner}", "forwarding[0].to", ""),
        ("{from: scanner, to: pacs, when: friday}", "forwarding[0].when", ""),
    ],
)
def test_a_rule_that_cannot_work_is_named(tmp_path: Path, rule: str, path: str, words: str) -> None:
    """A peer or destination that is not there, one that may not store, a circle, a misspelt key."""
    with pytest.raises(ConfigError) as caught:
        parse(with_rules(tmp_path, rule), {})
    found = {fault.path: f"{fault.problem} {fault.remedy}" for fault in caught.value.faults}
    assert path in found
    assert words in found[path]


def test_private_storage_classes_are_off_unless_switched_on(tmp_path: Path) -> None:
    """A switch of each peer."""
    text = with_rules(tmp_path, "{from: scanner, to: pacs}")
    on = text.replace("may: [echo, store]}", "may: [echo, store], private_classes: true}")
    for source, expected in ((text, False), (on, True)):
        peers = {peer.name: peer for peer in parse(source, {}).peer_values()}
        assert peers["scanner"].private_classes is expected
        assert not peers["pacs"].private_classes

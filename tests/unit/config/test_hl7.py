"""The `hl7` section: who may send orders, and what is wrong is said with its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import Config
from echonode.config.loading import parse
from echonode.config.summary import summary
from echonode.errors import ConfigError

HEAD = "ae_title: ECHONODE\n"


def faults(text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse(HEAD + text, {})
    return {fault.path: fault.problem for fault in caught.value.faults}


def config(text: str) -> Config:
    return parse(HEAD + text, {})


def test_a_port_beyond_this_machine_needs_to_know_its_senders() -> None:
    """By addresses, or by client certificates; on loopback neither is needed."""
    assert "hl7.listen.host" in faults("hl7: {listen: {host: 0.0.0.0, port: 2575}}")
    assert config("hl7: {listen: {host: 127.0.0.1, port: 2575}}").hl7 is not None
    told = config("hl7: {listen: {host: 0.0.0.0, port: 2575}, addresses: [10.0.3.0/24]}")
    assert any("takes HL7 orders on 0.0.0.0:2575 (plain)" in line for line in summary(told))


def test_a_port_is_taken_once() -> None:
    """Not the DICOM listener's."""
    taken = faults("hl7: {listen: {host: 127.0.0.1, port: 11112}}")
    assert "taken by listen[0].port" in taken["hl7.listen.port"]


def test_a_character_set_is_one_that_is_read() -> None:
    """In any usual spelling; UTF-16 cannot travel in MLLP."""
    section = "hl7: {{listen: {{port: 2575}}, character_set: {}}}"
    for spelling, name in (("8859/1", "8859/1"), ("ISO 8859-1", "8859/1"), ("utf8", "UTF-8")):
        made = config(section.format(spelling)).hl7
        assert made is not None
        assert made.character_set == name
    assert "hl7.character_set" in faults(section.format("UNICODE UTF-16"))


def test_unusable_certificates_are_named_with_their_path(tmp_path: Path) -> None:
    """As for the DICOM listeners."""
    missing = tmp_path / "none.pem"
    tls = f"tls: {{cert: {missing}, key: {missing}, ca: {missing}}}"
    found = faults(f"hl7: {{listen: {{port: 2575, {tls}}}}}")
    assert {"hl7.listen.tls.cert", "hl7.listen.tls.key", "hl7.listen.tls.ca"} <= found.keys()

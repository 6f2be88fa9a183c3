"""Destinations that get anonymised copies: what would give them the patients is a fault."""

from __future__ import annotations

import pytest

from echonode.config import Config, doubts, summary
from echonode.config.loading import parse
from echonode.errors import ConfigError
from tests.unit.config.test_doubts import NOW

HEAD = """
ae_title: ECHONODE
peers:
  research: {ae_title: RESEARCH, host: 127.0.0.1, port: 4242, may: [echo, commit]}
  pacs: {ae_title: PACS, host: 127.0.0.1, port: 4243, may: [echo, commit]}
anonymise:
  study-7: {options: [retain_modified_dates]}
"""
TO_BOTH = HEAD + "destinations: [{peer: research, anonymise: study-7}, {peer: pacs}]\n"


def config(text: str) -> Config:
    return parse(text, {})


def faults(text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        config(text)
    return {fault.path: f"{fault.problem}. {fault.remedy}" for fault in caught.value.faults}


def test_a_destination_names_its_profile() -> None:
    """One of the configuration, or `basic`; the summary says it."""
    read = config(TO_BOTH)
    assert [each.anonymise for each in read.destinations] == ["study-7", None]
    assert any("commitment required, anonymised by study-7" in line for line in summary(read))
    assert config(TO_BOTH.replace("study-7}, {", "basic}, {")).destinations[0].anonymise == "basic"
    unknown = faults(TO_BOTH.replace("anonymise: study-7}", "anonymise: study-8}"))
    assert "Known: basic, study-7." in unknown["destinations[0].anonymise"]


@pytest.mark.parametrize("service", ["find", "move", "get", "worklist"])
def test_its_peer_may_not_fetch_the_originals(service: str) -> None:
    """Nor ask whose they are."""
    found = faults(TO_BOTH.replace("port: 4242, may: [echo", f"port: 4242, may: [{service}"))
    assert f"may {service} here" in found["destinations[0].anonymise"]


@pytest.mark.parametrize("section", ["mpps: {peer: research}", "prints: [{peer: research}]"])
def test_its_peer_is_told_of_no_patient_elsewhere(section: str) -> None:
    """Procedure steps and films name the patient."""
    found = faults(f"{TO_BOTH}{section}\n")
    assert "by `mpps` or `prints`" in found["destinations[0].anonymise"]


def test_originals_that_no_archive_gets_are_doubted() -> None:
    """Retention would never delete them."""
    read = config(TO_BOTH.replace(", {peer: pacs}", ""))
    assert [each.path for each in doubts(read, {}, NOW)] == ["destinations"]
    assert list(doubts(config(TO_BOTH), {}, NOW)) == []

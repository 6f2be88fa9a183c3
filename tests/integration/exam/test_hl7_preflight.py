"""Preflight says whether the HL7 port listens or could, and that no sender is proved by it."""

from __future__ import annotations

import socket
from pathlib import Path

from echonode.config.schema import Config
from echonode.monitoring.preflight.hl7_check import check_hl7

LOOPBACK = "127.0.0.1"


def config(host: str, port: int) -> Config:
    return Config.model_validate(
        {
            "ae_title": "ECHONODE",
            "data_dir": Path("var"),
            "hl7": {"listen": {"host": host, "port": port}},
        }
    )


def test_a_port_that_listens_is_told_as_such() -> None:
    """And what to do at the sender, for nothing of it can be proved from here."""
    with socket.create_server((LOOPBACK, 0)) as server:
        outcome = check_hl7(config(LOOPBACK, server.getsockname()[1]))
    assert outcome is not None
    assert outcome.ok
    (step,) = outcome.steps
    assert "listened at" in step.detail
    assert "ADT^A08" in step.detail


def test_a_free_port_could_listen() -> None:
    """While no node runs, the port is tried."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
    outcome = check_hl7(config(LOOPBACK, port))
    assert outcome is not None
    assert outcome.ok
    assert "is free" in outcome.steps[0].detail


def test_an_address_of_another_machine_fails_with_its_remedy() -> None:
    """192.0.2.1 is of no machine (RFC 5737)."""
    outcome = check_hl7(config("192.0.2.1", 2575))
    assert outcome is not None
    assert not outcome.ok
    assert "hl7.listen" in outcome.steps[0].remedy


def test_without_the_section_there_is_nothing_to_say() -> None:
    """A node without HL7 has no such line."""
    assert check_hl7(Config.model_validate({"ae_title": "ECHONODE"})) is None

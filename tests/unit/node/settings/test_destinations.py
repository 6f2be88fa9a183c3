"""A destination's section becomes delivery's own policy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from echonode.config import Config, DestinationSection
from echonode.config.destination import StatusRule
from echonode.delivery.policy import ASSOCIATIONS
from echonode.delivery.status_table import ROWS, StatusTable, Treatment
from echonode.node.settings.destinations import delivery_policy
from echonode.node.settings.parts import retention_policy


def test_the_defaults_are_deliverys_own() -> None:
    """A section that names only its peer: as many associations as delivery takes, nothing lossy."""
    policy = delivery_policy(DestinationSection(peer="pacs"))
    assert (policy.associations, policy.lossy_quality, dict(policy.statuses)) == (
        ASSOCIATIONS,
        None,
        {},
    )


def test_rows_of_the_status_table_are_replaced() -> None:
    """The operator's row decides, and says that it is the operator's."""
    section = DestinationSection.model_validate(
        {
            "peer": "pacs",
            "associations": 2,
            "lossy": {"quality": 90},
            "statuses": {
                "C211": {"treatment": "retry_then_hold", "retry_delays_s": [5, 60]},
                "A9xx": {"treatment": "pause_destination", "alarm": True},
            },
        }
    )
    policy = delivery_policy(section)
    table = StatusTable(policy.statuses)
    assert table.verdict(0xC211).retry_delays_s == (5, 60)
    assert table.verdict(0xC212).retry_delays_s != (5, 60)
    assert table.verdict(0xA900).treatment is Treatment.PAUSE_DESTINATION
    assert "configuration" in table.verdict(0xA900).meaning
    assert (policy.associations, policy.lossy_quality) == (2, 90)


def test_a_lossy_copy_lets_no_original_go_unless_the_profile_says_so() -> None:
    """The default keeps; `keep_original: false` is for that destination alone."""
    config = Config.model_validate(
        {
            "ae_title": "ECHONODE",
            "destinations": [
                {"peer": "pacs"},
                {"peer": "old", "lossy": {}},
                {"peer": "teaching", "lossy": {"keep_original": False}},
            ],
        }
    )
    policy = retention_policy(config)
    assert policy.lossy_is_enough == {"teaching"}
    assert set(policy.destinations) == {"pacs", "old", "teaching"}


def test_the_operators_table_names_every_row() -> None:
    """docs/operations.md tells of each status that the table rules, and of no other."""
    text = (Path(__file__).resolve().parents[4] / "docs" / "operations.md").read_text()
    table = text[text.index("| status | it says |") : text.index("| any other, or none |")]
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = [pattern for cell in first_cells for pattern in re.findall(r"`(\w{4})`", cell)]
    assert sorted(named) == sorted(ROWS)


def test_every_treatment_can_be_named() -> None:
    """The configuration knows the same treatments as delivery."""
    field = StatusRule.model_fields["treatment"].annotation
    assert set(get_args(field)) == {treatment.value for treatment in Treatment}


@pytest.mark.parametrize(
    "wrong",
    [
        {"associations": 0},
        {"associations": 100},
        {"lossy": {"quality": 10}},
        {"lossy": {"keep_original": "perhaps"}},
        {"statuses": {"xxxx": {"treatment": "hold"}}},
        {"statuses": {"a7xx": {"treatment": "hold"}}},
        {"statuses": {"A7x2": {"treatment": "hold"}}},
        {"statuses": {"A700": {"treatment": "ignore"}}},
        {"statuses": {"A700": {"treatment": "retry_then_hold"}}},
        {"statuses": {"A700": {"treatment": "hold", "retry_delays_s": [1]}}},
        {"priority": "high"},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    """A slip in the file is found before the node starts."""
    with pytest.raises(ValidationError):
        DestinationSection.model_validate({"peer": "pacs", **wrong})

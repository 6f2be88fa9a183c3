"""A destination's section becomes delivery's own policy."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from echonode.config import DestinationSection
from echonode.config.destination import StatusRule
from echonode.delivery.policy import ASSOCIATIONS
from echonode.delivery.status_table import StatusTable, Treatment
from echonode.destinations import delivery_policy


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

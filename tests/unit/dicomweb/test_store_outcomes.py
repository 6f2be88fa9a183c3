"""The answer to what was posted says of each instance what became of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from echonode.dicomweb.store_outcomes import Outcome, answer_json, http_status

STORED = Outcome(
    status=0,
    sop_class_uid="1.1",
    sop_instance_uid="1.2",
    study_instance_uid="1.3",
    series_instance_uid="1.4",
)
WARNED = Outcome(status=0xB000, sop_instance_uid="1.5", study_instance_uid="1.3")
FAILED = Outcome(status=0xA900, sop_class_uid="1.1", sop_instance_uid="1.6")
FULL = Outcome(status=0xA700, sop_class_uid="1.1", sop_instance_uid="1.7")
UNKNOWN = Outcome(status=0xC000)


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([STORED, STORED], 200),
        ([STORED, WARNED], 202),
        ([STORED, FAILED], 202),
        ([FAILED, UNKNOWN], 409),
        ([FULL, FULL], 503),
        ([FULL, FAILED], 409),
    ],
)
def test_the_status(outcomes: Sequence[Outcome], status: int) -> None:
    """PS3.18 10.5.3; a full disk is a matter of time."""
    assert http_status(outcomes) == status


def test_each_instance_is_in_the_answer() -> None:
    """With its address, its warning, or why it failed; one without UIDs too."""
    found = json.loads(answer_json([STORED, WARNED, FAILED, UNKNOWN], "http://node/"))
    assert found["00081190"]["Value"] == ["http://node/studies/1.3"]
    stored, warned = found["00081199"]["Value"]
    place = "http://node/studies/1.3/series/1.4/instances/1.2"
    assert stored["00081190"]["Value"] == [place]
    assert "00081196" not in stored
    assert warned["00081196"]["Value"] == [0xB000]
    (failed,) = found["00081198"]["Value"]
    assert failed["00081155"]["Value"] == ["1.6"]
    assert failed["00081197"]["Value"] == [0xA900]
    assert found["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]

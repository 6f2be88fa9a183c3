"""What the tests of the commitment room share."""

from __future__ import annotations

import pytest

from echonode.commitment import commitment_scp, commitment_scu, report_scp
from tests.support.log_recorder import Recorder


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """What the room logs."""
    recorder = Recorder()
    for module in (commitment_scp, commitment_scu, report_scp):
        monkeypatch.setattr(module, "log", recorder)
    return recorder

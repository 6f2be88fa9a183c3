"""What is held of a patient, over HTTP: never in clear on a disk that is to hold it sealed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from echonode.errors import OperatorRefused
from echonode.node.patient_data import NodePatientData
from tests.unit.store.samples import Clock


def test_an_encrypted_store_gives_no_export_through_a_file_in_clear() -> None:
    """The error names the command, whose user chooses where the file goes."""
    store: Any = SimpleNamespace(files=SimpleNamespace(scratch=SimpleNamespace(cipher=object())))
    data = NodePatientData(store, cast("Any", None), cast("Any", None), now=Clock())
    with pytest.raises(OperatorRefused, match="echonode patient export"):
        data.export("4711")

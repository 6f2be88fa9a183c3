"""Other bytes under a known UID: refused, and kept as evidence within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.errors import InstanceConflict
from echonode.store.ingest import quarantine
from echonode.store.store import Store
from echonode.store.values import RecoveryReport
from tests.unit.store.samples import Clock, dataset, put


def conflict(store: Store, comments: str) -> str:
    """Sent under the UID of the stored one; what the refusal says."""
    with pytest.raises(InstanceConflict) as refused:
        put(store, dataset(1, PatientComments=comments))
    return str(refused.value)


def test_the_same_bytes_again_are_kept_once(store: Store) -> None:
    """A device that repeats its conflict every minute fills no disk; others are kept too."""
    put(store, dataset(1))
    assert "is in quarantine" in conflict(store, "first")
    assert "already" in conflict(store, "first")
    assert store.statistics.quarantined_files() == 1
    conflict(store, "second")
    assert store.statistics.quarantined_files() == 2


def test_what_a_person_took_out_is_kept_when_it_comes_again(store: Store) -> None:
    """It is evidence once more."""
    put(store, dataset(1))
    conflict(store, "first")
    [path] = (store.data_dir / "quarantine").iterdir()
    path.unlink()
    conflict(store, "first")
    assert store.statistics.quarantined_files() == 1


def test_a_full_quarantine_keeps_no_more_and_loses_nothing(
    data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused as ever and said; what is there stays, and the next start finds nothing left over."""
    monkeypatch.setattr(quarantine, "MOST_QUARANTINED", 1)
    with Store.open(data_dir, now=clock) as store:
        put(store, dataset(1))
        conflict(store, "first")
        assert "full" in conflict(store, "second")
        assert store.statistics.quarantined_files() == 1
    with Store.open(data_dir, now=clock) as again:
        assert again.recovery.report == RecoveryReport()

"""What is held of one patient, as the HTTP API has it: shown, exported, erased."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from echonode.at_rest.reading import StoredFile
from echonode.audit.trail.search import Wanted, plain, search
from echonode.copies.patient_export import export_patient
from echonode.errors import OperatorRefused, OutOfSpace
from echonode.maintenance.erasing import Erasing
from echonode.node.audit import NodeAudit
from echonode.store.store import Store
from echonode.system_faults import said_of

Json = Mapping[str, Any]

_MIB = 1024 * 1024


class NodePatientData:
    """web.patients.PatientData on a node. Thread-safe."""

    def __init__(
        self, store: Store, audit: NodeAudit, erasing: Erasing, *, now: Callable[[], datetime]
    ) -> None:
        self._store, self._audit, self._erasing, self._now = store, audit, erasing, now

    def held(self, patient_id: str) -> Json:
        """What there is, and why it cannot be erased now. Raises StoreError."""
        holdings = self._store.holdings
        instances = holdings.instances(patient_id)
        quarantined, _ = holdings.quarantined(patient_id)
        rows = {name: len(found) for name, found in holdings.rows(patient_id).items() if found}
        return {
            "names": sorted(holdings.names(patient_id)),
            "images": len(instances),
            "studies": len({each.study_instance_uid for each in instances}),
            "quarantined": len(quarantined),
            "records": rows,
            "reasons": self._erasing.reasons(patient_id),
        }

    def export(self, patient_id: str) -> tuple[int, StoredFile]:
        """The size of a ZIP file, and the file, which has no name: it is gone once it is closed.

        Raises UsageError where nothing is held, OperatorRefused without room for it, StoreError.
        """
        scratch = self._store.files.scratch
        self._check_room(patient_id, scratch.folder)
        records = self._records(patient_id)
        try:
            with scratch.file() as made:
                export_patient(self._store, patient_id, made, audit=records, now=self._now())
                return made.tell(), made.opened()
        except OSError as error:
            raise OutOfSpace(f"the export cannot be written: {said_of(error)}") from None

    def erase(self, patient_id: str, *, by: str) -> Json:
        """As Erasing.erase."""
        return self._erasing.erase(patient_id, by=by)

    def _check_room(self, patient_id: str, scratch: Path) -> None:
        """Half of what is free stays for the exams that go on meanwhile."""
        needed = sum(each.size for each in self._store.holdings.instances(patient_id))
        if 2 * needed > shutil.disk_usage(scratch).free:
            raise OperatorRefused(
                f"the disk has no room for a copy of {needed // _MIB + 1} MiB: use `echonode "
                "patient export` with a path on another disk"
            )

    def _records(self, patient_id: str) -> Iterator[Mapping[str, Any]]:
        if self._audit.trail is not None:
            for record in search(self._audit.trail.readers, Wanted(patient=patient_id)):
                yield plain(record)

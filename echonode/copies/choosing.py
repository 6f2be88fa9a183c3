"""Which stored instances a copy is of.

Rules
- What waits for its exam's patient does not leave the node, as a copy neither: it is counted.
- Each instance once, in the order of patient, study, series and instance as they were stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echonode.errors import OperatorRefused, UsageError
from echonode.model.criteria import Level, Root, Selection
from echonode.model.identity import is_valid_uid
from echonode.model.instance import StoredInstance
from echonode.store.index.reader import IndexReader


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """UIDs of each level; a copy is of all that any of them names."""

    studies: Sequence[str] = ()
    series: Sequence[str] = ()
    instances: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Raises UsageError."""
        every = (*self.studies, *self.series, *self.instances)
        if not every:
            raise UsageError(
                "give what is to be copied: --study UID, --series UID or --instance UID"
            )
        for uid in every:
            if not is_valid_uid(uid):
                raise UsageError(f"{uid!r} is not a UID")

    def selections(self) -> Iterator[Selection]:
        """One for each UID, with the UID."""
        for level, keyword, uids in (
            (Level.STUDY, "StudyInstanceUID", self.studies),
            (Level.SERIES, "SeriesInstanceUID", self.series),
            (Level.IMAGE, "SOPInstanceUID", self.instances),
        ):
            for uid in dict.fromkeys(uids):
                yield Selection(root=Root.STUDY, level=level, keys={keyword: (uid,)})


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The instances, and how many wait for a patient and are left out."""

    instances: tuple[StoredInstance, ...]
    waiting: int


def choose(index: IndexReader, wanted: Wanted) -> Chosen:
    """Raises UsageError for a UID that is not here, OperatorRefused where all wait, StoreError."""
    found: dict[str, StoredInstance] = {}
    waiting = 0
    for selection in wanted.selections():
        every = list(index.select(selection))
        if not every:
            [(keyword, (uid,))] = selection.keys.items()
            raise UsageError(f"the store has no {keyword} {uid}")
        may_leave = list(index.select_to_send(selection))
        waiting += len(every) - len(may_leave)
        found.update((each.sop_instance_uid, each) for each in may_leave)
    if not found:
        raise OperatorRefused(
            "its exam has no patient yet, so nothing of it leaves the node: identify the exam first"
        )
    return Chosen(instances=tuple(found.values()), waiting=waiting)

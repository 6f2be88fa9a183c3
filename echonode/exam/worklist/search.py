"""Items that a person's search found, kept as they come: what is shown can be opened by its id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from echonode.model.worklist_item import WorklistItem


class Kept(Protocol):
    """Where items are kept (store.worklist)."""

    def put(self, items: list[WorklistItem]) -> None:
        """Durable on return. Raises StoreError."""


# The first is kept and shown alone, because a person waits; then as many more each time, so that
# two hundred cost eight commits.
_GROWTH = 2


def kept_as_found(found: Iterator[WorklistItem], items: Kept) -> Iterator[WorklistItem]:
    """The items, in groups that grow; each group is durable before it is yielded.

    Closing the iterator cancels the search. Raises what `found` and `put` raise.
    """
    wanted, group = 1, []
    try:
        for item in found:
            group.append(item)
            if len(group) >= wanted:
                items.put(group)
                yield from group
                wanted, group = wanted * _GROWTH, []
        if group:
            items.put(group)
            yield from group
    finally:
        close = getattr(found, "close", None)
        if close is not None:
            close()

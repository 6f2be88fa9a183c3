"""What a search finds can be opened as soon as it is shown."""

from __future__ import annotations

from dataclasses import replace

from echonode.exam.worklist.search import kept_as_found
from echonode.model.worklist_item import WorklistItem
from tests.unit.objects.orders import FULL_ITEM


class Kept:
    def __init__(self) -> None:
        self.groups: list[list[WorklistItem]] = []

    def put(self, items: list[WorklistItem]) -> None:
        self.groups.append(list(items))


def test_each_item_is_durable_before_it_is_shown_and_the_first_at_once() -> None:
    """Two hundred items are eight commits."""
    kept = Kept()
    items = [replace(FULL_ITEM, id=str(number)) for number in range(200)]
    came = []
    for item in kept_as_found(iter(items), kept):
        came.append(item)
        assert any(item in group for group in kept.groups)
    assert came == items
    assert [len(group) for group in kept.groups] == [1, 2, 4, 8, 16, 32, 64, 73]


def test_closing_it_closes_the_search() -> None:
    """The query is cancelled at the server."""
    closed = []

    def found() -> object:
        try:
            while True:
                yield FULL_ITEM
        finally:
            closed.append(True)

    search = kept_as_found(found(), Kept())  # type: ignore[arg-type]  # a generator of items
    next(search)
    search.close()  # type: ignore[attr-defined]
    assert closed

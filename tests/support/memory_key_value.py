"""Small texts by name, in memory."""

from __future__ import annotations

from echonode.store.database.key_value import KeyValue


class MemoryKeyValue(KeyValue):
    """Stands in for the store's."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def read(self, key: str) -> str:
        return self.texts.get(key, "")

    def write(self, key: str, text: str) -> None:
        self.texts[key] = text

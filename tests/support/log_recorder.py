"""A logger that keeps what it is given."""

from __future__ import annotations


class Recorder:
    """Stands in for a module's logger."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []
        self.leveled: list[tuple[int, str, dict[str, object]]] = []

    def info(self, event: str, **keys: object) -> None:
        self.lines.append((event, keys))

    warning = error = info

    def exception(self, event: str, **keys: object) -> None:
        self.lines.append((event, {**keys, "traceback": True}))

    def log(self, level: int, event: str, **keys: object) -> None:
        self.lines.append((event, keys))
        self.leveled.append((level, event, keys))

    def levels(self, event: str) -> list[tuple[int, dict[str, object]]]:
        """The level, as logging has it, of each such line that was given one."""
        return [(level, keys) for level, name, keys in self.leveled if name == event]

    def named(self, event: str) -> list[dict[str, object]]:
        return [keys for name, keys in self.lines if name == event]

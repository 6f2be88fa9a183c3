"""How one destination stands just now, as its worker knows it: for status, alarms and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One destination at one moment; the words are for the operator.

    unreachable: what keeps it from being reached; stalled: what on our own side keeps deliveries
    from going on; unpromising: why it takes no commitment requests, and the remedy; each is ''
    when nothing does. associations: open to it. accepts: SOP class ->
    transfer syntaxes that it was found to take.
    """

    unreachable: str = ""
    stalled: str = ""
    unpromising: str = ""
    associations: int = 0
    accepts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """Everything that is wrong with it, in words; '' when all is well."""
        return "; ".join(
            words for words in (self.stalled, self.unreachable, self.unpromising) if words
        )

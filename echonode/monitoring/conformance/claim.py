"""One claim of the conformance statement, and the kinds that claims are of.

Rules
- A claim is one row of data. Its text is made of its values, so a value is written once.
- The kind names the section of PS3.2 annex N and the test that executes each claim of the kind
  against a running node. A kind without a test is refused by the tests.
- An id holds no address, title or path of a configuration: the same claim of two configurations has
  the same id.
"""

from __future__ import annotations

from dataclasses import dataclass

_TEST = "tests/integration/conformance/test_statement.py::test_each_claim_is_true"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the claims of one table have in common.

    section: the number in annex N, without its "N.". columns: of the table, one for each value.
    says: the sentence, with a {} for each value in their order.
    """

    name: str
    section: str
    title: str
    columns: tuple[str, ...]
    says: str

    @property
    def test(self) -> str:
        """The test that executes these claims, as pytest takes it."""
        return f"{_TEST}[{self.name}]"

    def claim(self, subject: str, *values: str, section: str = "") -> Claim:
        """A claim of this kind. section: another than the kind's own."""
        return Claim(kind=self, subject=subject, values=values, section=section or self.section)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """subject: what distinguishes it from the others of its kind. values: one for each column."""

    kind: Kind
    subject: str
    values: tuple[str, ...]
    section: str

    def __post_init__(self) -> None:
        if len(self.values) != len(self.kind.columns):
            raise ValueError(f"{self.id} has {len(self.values)} values for its columns")

    @property
    def id(self) -> str:
        """The same in every configuration that has the claim."""
        return f"{self.kind.name}/{self.subject}"

    @property
    def claim(self) -> str:
        """The sentence."""
        return self.kind.says.format(*self.values)

    @property
    def test(self) -> str:
        """The test that executes it."""
        return self.kind.test

    def row(self) -> dict[str, str]:
        """As JSON has it."""
        return {"id": self.id, "section": self.section, "claim": self.claim, "test": self.test}

"""A typed patient against the worklist: which item is meant, or which may be. Pure.

Rules
- Exact: the same Patient ID (and issuer, where both say one), and name, birth date and sex agree
  wherever both are known. A name agrees where one of its groups is the same but for case and
  accents.
- Doubtful: the same Patient ID with anything that disagrees, or another Patient ID with the same
  name and no other birth date. A person decides: two people must never become one by a guess.
- One exact item alone, and nothing doubtful, is the item. Two exact items are two orders, and only
  a person knows which was done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from echonode.store.index.folding import fold_group


@dataclass(frozen=True, kw_only=True)
class Match:
    """item: the one that is meant; None where there is none, or where it is doubtful.

    candidates: what a person must choose from; empty where nothing is doubtful.
    """

    item: WorklistItem | None = None
    candidates: tuple[WorklistItem, ...] = ()


def match(patient: Patient, items: Iterable[WorklistItem]) -> Match:
    """What the worklist has of a typed patient."""
    exact, doubtful = [], []
    for item in items:
        if _is_exact(patient, item.patient):
            exact.append(item)
        elif _may_be(patient, item.patient):
            doubtful.append(item)
    if len(exact) == 1 and not doubtful:
        return Match(item=exact[0])
    return Match(candidates=(*exact, *doubtful))


def _is_exact(typed: Patient, known: Patient) -> bool:
    return (
        typed.id == known.id
        and _agree(typed.issuer, known.issuer)
        and _same_name(typed.name, known.name)
        and _agree(typed.birth_date, known.birth_date)
        and _agree(typed.sex, known.sex)
    )


def _may_be(typed: Patient, known: Patient) -> bool:
    if typed.id == known.id:
        return True
    return _same_name(typed.name, known.name) and _agree(typed.birth_date, known.birth_date)


def _agree(one: str, other: str) -> bool:
    return not one or not other or one == other


def _same_name(one: str, other: str) -> bool:
    """Whether a group of both is the same, group by group (PS3.5 6.2.1)."""
    groups = zip(one.split("="), other.split("="), strict=False)
    return any(fold_group(mine) == fold_group(theirs) != "" for mine, theirs in groups)

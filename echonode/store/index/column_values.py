"""What an instance's record becomes in the columns of the index; pure.

index_schema.py defines the tables and folding.py the folded forms; writer.py inserts the values,
and refresh.py compares them with the rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from echonode.model.attributes import Attribute, of_level
from echonode.model.criteria import Level
from echonode.store.index.folding import fold_name
from echonode.store.index.prefilter import MULTI_VALUED

_ATTRIBUTES = {
    level: tuple(attribute for attribute in of_level(level) if not attribute.computed)
    for level in Level
}
_SINGLE_TEXT_VRS = frozenset({"AE", "CS", "LO", "PN", "SH", "UI"})


def attribute_values(level: Level, held: Mapping[str, str]) -> dict[str, object]:
    """The columns of a level's attributes: keyword -> value becomes column -> value."""
    values: dict[str, object] = {}
    irregular = False
    for attribute in _ATTRIBUTES[level]:
        value = held.get(attribute.keyword, "")
        values[attribute.column] = value
        if attribute.vr == "PN":
            folded, other = fold_name(value) if value else ("", "")
            values[f"{attribute.column}_folded"] = folded
            values[f"{attribute.column}_other"] = other
        elif value and _is_irregular(attribute, value):
            irregular = True
    values["irregular"] = irregular
    return values


def _is_irregular(attribute: Attribute, value: str) -> bool:
    """Whether SQL on this value would miss what matching finds."""
    if attribute.vr == "DA":
        return not (len(value) == 8 and value.isascii() and value.isdigit())
    if attribute.vr not in _SINGLE_TEXT_VRS or attribute.keyword in MULTI_VALUED:
        return False
    return "\\" in value

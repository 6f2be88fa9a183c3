"""What the standard demands of an audit message: its schema (A.5.1), and the tables of A.5.3."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import xmlschema

_SCHEMA = Path(__file__).with_name("audit_message.xsd")
# EventID -> (actions it may have, roles that must take part, kinds of object that must be in it),
# by the tables of PS3.15 A.5.3.
_TABLES: Mapping[str, tuple[str, frozenset[str], frozenset[str]]] = {
    "110100": ("E", frozenset({"110150"}), frozenset()),
    "110101": ("R", frozenset(), frozenset({"12"})),
    "110102": ("E", frozenset({"110153", "110152"}), frozenset({"110180", "2"})),
    "110103": ("CRUD", frozenset(), frozenset()),
    "110104": ("CRU", frozenset({"110153", "110152"}), frozenset()),
    "110105": ("D", frozenset(), frozenset({"110180"})),
    "110106": ("R", frozenset({"110154"}), frozenset()),
    "110107": ("C", frozenset({"110155"}), frozenset()),
    "110109": ("CRUD", frozenset(), frozenset({"2"})),
    "110110": ("CRUD", frozenset(), frozenset()),
    "110111": ("CRUD", frozenset(), frozenset()),
    "110112": ("E", frozenset({"110153", "110152"}), frozenset()),
    "110113": ("EDCRU", frozenset(), frozenset()),
    "110114": ("E", frozenset(), frozenset()),
}
_WITH_TYPE = {"110100", "110113", "110114"}


@cache
def _schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(_SCHEMA))


def checked(message: bytes) -> ElementTree.Element:
    """The message, valid by the standard. Raises AssertionError, XMLSchemaValidationError."""
    root = ElementTree.fromstring(message)
    _schema().validate(root)
    event = root[0]
    code = event[0].get("csd-code", "")
    actions, roles, objects = _TABLES[code]
    assert event.get("EventActionCode", "") in actions, code
    assert roles <= {each.get("csd-code") for each in root.iter("RoleIDCode")}, code
    kinds = {each.get("csd-code") for each in root.iter("ParticipantObjectIDTypeCode")}
    assert objects <= kinds, code
    assert code not in _WITH_TYPE or event.find("EventTypeCode") is not None
    requestors = [e for e in root.iter("ActiveParticipant") if e.get("UserIsRequestor") == "true"]
    assert len(requestors) <= 1, "A.5.2: one requestor at most"
    patients = [
        each
        for each in root.iter("ParticipantObjectIdentification")
        if each.get("ParticipantObjectTypeCodeRole") == "1"
    ]
    assert len(patients) <= 1, "A.5.3: one patient in a message"
    if code == "110112":
        assert root.find("ParticipantObjectIdentification/ParticipantObjectQuery") is not None
    return root

"""The codes of measurements and their units, as an SR carries them (PS3.16, SCT and UCUM). Pure.

Rules
- Each result of model/measurement.py has one concept and keeps the unit that it was computed in.
- A result without a code is an error of ours and not left out in silence.
"""

from __future__ import annotations

from types import MappingProxyType

from echonode.errors import InvalidObject
from echonode.model.worklist_item import Code

# CID 7470 Linear Measurements, CID 7471 Area Measurements, and DCM's perimeter.
_CONCEPTS = MappingProxyType(
    {
        "length": Code(value="410668003", scheme="SCT", meaning="Length"),
        "area": Code(value="42798000", scheme="SCT", meaning="Area"),
        "circumference": Code(value="74551000", scheme="SCT", meaning="Circumference"),
        "perimeter": Code(value="131191004", scheme="SCT", meaning="Perimeter"),
        "major_axis": Code(value="103339001", scheme="SCT", meaning="Long Axis"),
        "minor_axis": Code(value="103340004", scheme="SCT", meaning="Short Axis"),
        "angle": Code(value="1483009", scheme="SCT", meaning="Angle"),
    }
)
_UNITS = MappingProxyType(
    {
        "mm": Code(value="mm", scheme="UCUM", meaning="millimeter"),
        "mm2": Code(value="mm2", scheme="UCUM", meaning="square millimeter"),
        "deg": Code(value="deg", scheme="UCUM", meaning="degree"),
    }
)


def concept_of(name: str) -> Code:
    """Of a result's name. Raises InvalidObject."""
    if name not in _CONCEPTS:
        raise InvalidObject("a measurement has a value that has no code here")
    return _CONCEPTS[name]


def unit_of(unit: str) -> Code:
    """Of a result's unit. Raises InvalidObject."""
    if unit not in _UNITS:
        raise InvalidObject("a measurement has a unit that has no code here")
    return _UNITS[unit]

"""Datasets with a value of its own in every attribute of PS3.15 table E.1-1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from echonode.copies.deidentification.profile_table import Row, profile_table

_TEXT = frozenset({"AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
# Attributes of the table that came after the data dictionary of pydicom 3.0.2 (PS3.6 2026c).
_LATER = {
    **dict.fromkeys((0x00081301, 0x00081302, 0x00081303, 0x00081304), "SQ"),
    **dict.fromkeys((0x00100011, 0x00100014, 0x00100015), "SQ"),
    **dict.fromkeys((0x00100041, 0x00100043, 0x00100044, 0x00100046), "SQ"),
    0x00100012: "LT",
    **dict.fromkeys((0x00100013, 0x00100016, 0x00100042, 0x00100045), "UT"),
    0x00100047: "UR",
    0x00102162: "UC",
    **dict.fromkeys((0x0040A034, 0x0040A035, 0x0040B034, 0x0040B036), "DT"),
    **dict.fromkeys((0x0040B03B, 0x0040B03F), "LO"),
    0x0040E012: "UR",
}
_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


def plain_rows() -> list[tuple[Row, BaseTag]]:
    """The rows of attributes that may stand in a dataset and whose VR is known."""
    rows = ((row, _tag(row)) for row in profile_table().rows)
    return [
        (row, tag)
        for row, tag in rows
        if tag is not None
        and tag.group not in (0, 2)
        and (tag in _LATER or dictionary_has_tag(tag))
    ]


def _tag(row: Row) -> BaseTag | None:
    if row.tag == "gggg,eeee":
        return None
    text = row.tag.replace(",", "")
    return Tag(int(text.replace("xx", "02", 1).replace("x", "1"), 16))


def canary(tag: BaseTag) -> str:
    """What is found again of an attribute: its value, or a part of it."""
    number = int(tag)
    vr = vr_of(tag)
    day = (date(1901, 1, 1) + timedelta(days=number % 40_000)).strftime("%Y%m%d")
    if vr in ("IS", "DS", "UL", "US", "SL", "SS", "FD", "FL", "UV", "SV"):
        return str(20_001 + number % 12_000)
    return {
        "AS": f"{number % 899 + 100}Y",
        "DA": day,
        "DT": f"{day}112233.{number % 999_983:06d}",
        "TM": f"112233.{number % 999_983:06d}",
        "UI": f"1.2.777.{number}",
    }.get(vr, f"CNRY{number:08X}")


def vr_of(tag: BaseTag) -> str:
    """The first of the VRs that PS3.6 allows."""
    return _LATER.get(int(tag)) or dictionary_VR(tag).split(" ")[0]


def element(tag: BaseTag) -> DataElement:
    """The attribute with its canary."""
    vr, value = vr_of(tag), canary(tag)
    if vr == "SQ":
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99LOCAL", value
        item.PersonName = value
        return DataElement(tag, vr, Sequence([item]))
    if vr in _BYTES:
        return DataElement(tag, vr, value.encode())
    if vr in _TEXT or vr in ("DA", "DT", "TM", "UI", "IS", "DS"):
        return DataElement(tag, vr, value)
    return DataElement(tag, vr, float(value) if vr in ("FD", "FL") else int(value))


def full_dataset(*, depth: int, sop_class_uid: str) -> Dataset:
    """A dataset with every attribute `depth` sequences deep, and in a private sequence there."""
    inner = Dataset()
    for _, tag in plain_rows():
        inner[tag] = element(tag)
    block = inner.private_block(0x0019, "CANARY CREATOR", create=True)
    block.add_new(0x01, "LO", "CNRYPRIVATE")
    hidden = Dataset()
    hidden.PatientName = "CNRYPRIVATE"
    block.add_new(0x02, "SQ", [hidden])
    inner.add_new(0x00090010, "LO", "CNRYPRIVATE")  # a creator without attributes
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedSeriesSequence = [inner]  # not in the table: kept, and looked into
        inner = outer
    inner.SOPClassUID = sop_class_uid
    if depth:
        inner.SOPInstanceUID, inner.PatientID = "1.2.3", "12"
    return inner


def innermost(dataset: Dataset) -> Dataset:
    """The dataset at the depth of `full_dataset`."""
    while "ReferencedSeriesSequence" in dataset:
        dataset = dataset.ReferencedSeriesSequence[0]
    return dataset


def is_left(tag: BaseTag, values: list[str]) -> bool:
    """Whether an attribute's canary is among the values of a dataset."""
    text = canary(tag)
    return any(text in value if text.startswith("CNRY") else text == value for value in values)


def leaves(dataset: Dataset) -> Iterator[str]:
    """Every value of a dataset as a text, at any depth."""
    for found in dataset:
        if found.VR == "SQ":
            for item in found.value:
                yield from leaves(item)
        elif isinstance(found.value, bytes):
            yield found.value.decode("latin-1")
        else:
            yield str(found.value)

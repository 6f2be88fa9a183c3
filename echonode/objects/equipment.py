"""What made the image: General Equipment (PS3.3 C.7.5.1) and the transducer (C.8.5.6)."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from echonode.frames.frame import ProbeIdentity
from echonode.objects.values import cleaned


@dataclass(frozen=True, kw_only=True)
class NodeEquipment:
    """What the node says of itself; '' is unknown.

    software_versions: one entry for each piece of software, the node's first.
    """

    software_versions: tuple[str, ...]
    station_name: str = ""
    institution_name: str = ""


def set_equipment(dataset: Dataset, probe: ProbeIdentity, node: NodeEquipment) -> None:
    """Set both modules; what is unknown is left out, but for Manufacturer, which is type 2."""
    dataset.Manufacturer = cleaned("LO", probe.manufacturer)
    for keyword, vr, value in (
        ("ManufacturerModelName", "LO", probe.model),
        ("DeviceSerialNumber", "LO", probe.serial),
        ("StationName", "SH", node.station_name),
        ("InstitutionName", "LO", node.institution_name),
        ("TransducerData", "LO", probe.transducer),
        ("TransducerType", "CS", probe.transducer_type),
    ):
        if text := cleaned(vr, value):
            setattr(dataset, keyword, text)
    versions = [text for text in (cleaned("LO", v) for v in node.software_versions) if text]
    if versions:
        dataset.SoftwareVersions = versions

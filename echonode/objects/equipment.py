"""What made the image: General Equipment (PS3.3 C.7.5.1) and the transducer (C.8.5.6)."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from echonode.frames.frame import ImageFacts, ProbeIdentity
from echonode.objects.values import cleaned


@dataclass(frozen=True, kw_only=True)
class NodeEquipment:
    """What the node says of itself and of where it stands; '' is unknown.

    software_versions: one entry for each piece of software, the node's first.
    """

    software_versions: tuple[str, ...]
    station_name: str = ""
    institution_name: str = ""
    institution_address: str = ""
    department_name: str = ""


def set_equipment(
    dataset: Dataset, probe: ProbeIdentity, facts: ImageFacts, node: NodeEquipment
) -> None:
    """Set both modules; what is unknown is left out, but for Manufacturer, which is type 2.

    probe: the operator's value, which overrides what the source says.
    """
    told = facts.scanner
    dataset.Manufacturer = cleaned("LO", probe.manufacturer or told.manufacturer)
    for keyword, vr, value in (
        ("ManufacturerModelName", "LO", probe.model or told.model),
        ("DeviceSerialNumber", "LO", probe.serial),
        ("StationName", "SH", node.station_name),
        ("InstitutionName", "LO", node.institution_name),
        ("InstitutionAddress", "ST", node.institution_address),
        ("InstitutionalDepartmentName", "LO", node.department_name),
        ("TransducerData", "LO", probe.transducer or told.transducer),
        ("TransducerType", "CS", probe.transducer_type or told.transducer_type),
    ):
        if text := cleaned(vr, value):
            setattr(dataset, keyword, text)
    versions = [text for text in (cleaned("LO", v) for v in node.software_versions) if text]
    if versions:
        dataset.SoftwareVersions = versions

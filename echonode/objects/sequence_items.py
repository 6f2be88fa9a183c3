"""Items of sequences that an order's values become: codes, references, issuers, other IDs.

What the standard makes type 1 in an item is there, or the item is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from pydicom.dataset import Dataset

from echonode.model.identity import is_valid_uid
from echonode.model.patient import Identifier
from echonode.model.worklist_item import Code, Reference
from echonode.objects.values import cleaned


def code_items(value: object) -> list[Dataset]:
    """Items of a code sequence (PS3.3 8.8); codes without a value or scheme are no codes."""
    items = []
    for code in value if isinstance(value, tuple) else ():
        if not isinstance(code, Code) or not (code.value and code.scheme):
            continue
        item = Dataset()
        _set_code_value(item, cleaned("UC", code.value))
        item.CodingSchemeDesignator = cleaned("SH", code.scheme)
        if code.scheme_version:
            item.CodingSchemeVersion = cleaned("SH", code.scheme_version)
        # Type 1: a code that came without its meaning is its own.
        item.CodeMeaning = cleaned("LO", code.meaning) or cleaned("LO", code.value)
        items.append(item)
    return items


def _set_code_value(item: Dataset, value: str) -> None:
    """PS3.3 8.1: Code Value to 16 characters, Long Code Value beyond, URN Code Value for a URN."""
    if value.startswith(("urn:", "http:", "https:")):
        item.URNCodeValue = value
    elif len(value) > 16:
        item.LongCodeValue = value
    else:
        item.CodeValue = value


def reference_items(value: object) -> list[Dataset]:
    """Items that refer to SOP instances (PS3.3 table 10-11)."""
    items = []
    for reference in value if isinstance(value, tuple) else ():
        if isinstance(reference, Reference) and _is_reference(reference):
            item = Dataset()
            item.ReferencedSOPClassUID = reference.sop_class_uid
            item.ReferencedSOPInstanceUID = reference.sop_instance_uid
            items.append(item)
    return items


def _is_reference(reference: Reference) -> bool:
    return is_valid_uid(reference.sop_class_uid) and is_valid_uid(reference.sop_instance_uid)


def issuer_items(value: object) -> list[Dataset]:
    """The issuer of an identifier as the one item of its sequence (PS3.3 table 10-17)."""
    if not isinstance(value, Identifier):
        return []
    item = Dataset()
    if value.issuer:
        item.LocalNamespaceEntityID = cleaned("UT", value.issuer)
    if value.universal_id and value.universal_id_type:
        item.UniversalEntityID = cleaned("UT", value.universal_id)
        item.UniversalEntityIDType = cleaned("CS", value.universal_id_type)
    return [item] if len(item) else []


def _patient_issuer_items(value: object) -> list[Dataset]:
    """Issuer of Patient ID Qualifiers: what IssuerOfPatientID does not say."""
    universal_id = getattr(value, "issuer_universal_id", "")
    kind = getattr(value, "issuer_universal_id_type", "")
    if not (universal_id and kind):
        return []
    item = Dataset()
    item.UniversalEntityID = cleaned("UT", universal_id)
    item.UniversalEntityIDType = cleaned("CS", kind)
    return [item]


def _other_id_items(value: object) -> list[Dataset]:
    """Other Patient IDs Sequence: Type of Patient ID is type 1 in it."""
    items = []
    for other in value if isinstance(value, tuple) else ():
        if not isinstance(other, Identifier) or not cleaned("LO", other.value):
            continue
        item = Dataset()
        item.PatientID = cleaned("LO", other.value)
        if other.issuer:
            item.IssuerOfPatientID = cleaned("LO", other.issuer)
        item.TypeOfPatientID = other.kind if other.kind in ("TEXT", "RFID", "BARCODE") else "TEXT"
        items.append(item)
    return items


# Keyword of a sequence -> its items.
ITEMS_OF: MappingProxyType[str, Callable[[object], list[Dataset]]] = MappingProxyType(
    {
        "IssuerOfPatientIDQualifiersSequence": _patient_issuer_items,
        "OtherPatientIDsSequence": _other_id_items,
        "ReferencedPatientSequence": reference_items,
        "ReferencedStudySequence": reference_items,
        "ReferencedPerformedProcedureStepSequence": reference_items,
        **dict.fromkeys(
            (
                "IssuerOfAdmissionIDSequence",
                "IssuerOfServiceEpisodeIDSequence",
                "IssuerOfAccessionNumberSequence",
                "OrderPlacerIdentifierSequence",
                "OrderFillerIdentifierSequence",
            ),
            issuer_items,
        ),
        **dict.fromkeys(
            (
                "ProcedureCodeSequence",
                "RequestedProcedureCodeSequence",
                "ScheduledProtocolCodeSequence",
                "ReasonForRequestedProcedureCodeSequence",
                "PerformedProtocolCodeSequence",
            ),
            code_items,
        ),
    }
)

"""Why an exam is corrected after it was sent, and what that means for archives.

IHE RAD TF-3 4.66 (Imaging Object Change Management): a Key Object Selection document whose title
is one of the codes below tells an archive that the instances in it are rejected. After 113037 and
113038 an archive refuses the rejected SOP Instance UIDs, so what is instead of them has new ones;
after 113038 it is in another study, for the first one was of another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from echonode.model.worklist_item import Code

QUALITY = Code(value="113001", scheme="DCM", meaning="Rejected for Quality Reasons")
PATIENT_SAFETY = Code(value="113037", scheme="DCM", meaning="Rejected for Patient Safety Reasons")
WRONG_ENTRY = Code(value="113038", scheme="DCM", meaning="Incorrect Modality Worklist Entry")


class Reason(StrEnum):
    """What a person says."""

    WRONG_PATIENT = "wrong_patient"  # or the wrong order
    WRONG_SIDE = "wrong_side"
    QUALITY = "quality"
    WITHDRAWN = "withdrawn"  # should not be there at all


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """Of a reason: the note's title (CID 7010), and whether and where corrected instances go."""

    title: Code
    replaces: bool
    new_study: bool = False


CONSEQUENCES: MappingProxyType[Reason, Consequence] = MappingProxyType(
    {
        Reason.WRONG_PATIENT: Consequence(title=WRONG_ENTRY, replaces=True, new_study=True),
        Reason.WRONG_SIDE: Consequence(title=PATIENT_SAFETY, replaces=True),
        Reason.QUALITY: Consequence(title=QUALITY, replaces=False),
        Reason.WITHDRAWN: Consequence(title=PATIENT_SAFETY, replaces=False),
    }
)
# In place of the note that rejected an instance, where it was withdrawn before it left the node.
WITHDRAWN_HERE = "withdrawn"
LATERALITIES = ("R", "L")  # (0020,0060), PS3.3 C.7.3.1

"""Which images belong to one patient; pure.

Rules
- A patient is one Patient ID of one Issuer of Patient ID (PS3.3 C.7.1.1), both exactly as sent
  except for padding. No issuer counts as one issuer: two devices that omit it share one number
  space.
- Without a Patient ID nothing joins two studies: within one Study Instance UID the name and the
  birth date distinguish patients.
- The name is not part of the identity. One person is written `Doe^J`, `DOE^JANE` and after a
  correction `Roe^Jane`; an archive that made a patient of each would hide earlier studies.
- Each image keeps the patient attributes that it came with. A patient has those of the first
  image; another image stores the differences (`own_attributes`), and answers below PATIENT level
  show an image, a series or a study with the attributes that it came with.
- Names or birth dates that hardly belong to one person (`may_be_one_person`) under one Patient ID
  are a conflict for a person to check: a number that was given out twice looks like that. The
  images stay with the Patient ID, each under its own name.
- Two patients under one Study Instance UID are two studies, one for each patient, and a conflict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import SequenceMatcher

from echonode.model.attributes import of_level
from echonode.model.criteria import Level
from echonode.model.instance import InstanceRecord
from echonode.store.index.folding import fold_name

_SEPARATOR = "\x1f"  # in no DICOM string
IDENTIFYING = frozenset({"PatientID", "IssuerOfPatientID"})
"""The same in all images of a patient."""
DIFFERING = tuple(
    attribute.keyword
    for attribute in of_level(Level.PATIENT)
    if not attribute.computed and attribute.keyword not in IDENTIFYING
)
"""What may differ between images of one patient."""

# Spellings of one name (Mueller, Muller; Catherine, Katherine) are above, names that share only
# some letters mostly below. A wrong guess costs one look of an operator, or misses one.
_ALIKE = 0.6
_COMPARED = 64  # characters of a component: the most that PN allows (PS3.5 6.2)
OWN_NAME = "folded"  # the key of the folded name; no keyword


def patient_identity(record: InstanceRecord) -> str:
    """What identifies a patient: equal in two images of one patient, different in those of two."""
    patient_id = record.patient.get("PatientID", "")
    if patient_id:
        issuer = record.patient.get("IssuerOfPatientID", "")
        return _SEPARATOR.join(("id", issuer, patient_id))
    name, _ = fold_name(record.patient.get("PatientName", ""))
    birth_date = record.patient.get("PatientBirthDate", "")
    return _SEPARATOR.join(("study", record.study_instance_uid, name, birth_date))


def own_attributes(of_patient: Mapping[str, str], of_image: Mapping[str, str]) -> str:
    """The patient attributes of an image that differ from the patient's row; '' for none.

    As JSON: keyword -> the image's value, '' where it has none; and the folded name, which SQL
    searches (folding.py).
    """
    own = {
        keyword: of_image.get(keyword, "")
        for keyword in DIFFERING
        if of_image.get(keyword, "") != of_patient.get(keyword, "")
    }
    if not own:
        return ""
    if "PatientName" in own:
        own[OWN_NAME] = _SEPARATOR.join(fold_name(own["PatientName"]))
    return json.dumps(own, ensure_ascii=False)


def with_own(row: dict[str, str], own: str) -> dict[str, str]:
    """A row of an answer, with the attributes that its image came with."""
    if own:
        values = json.loads(own)
        values.pop(OWN_NAME, None)
        row.update(values)
    return row


def may_be_one_person(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether name and birth date may belong to one person, written differently or incompletely."""
    dates = {each.get("PatientBirthDate", "") for each in (one, other)} - {""}
    if len(dates) > 1:
        return False
    family, given = _components(one.get("PatientName", ""))
    other_family, other_given = _components(other.get("PatientName", ""))
    as_they_are = _alike(family, other_family) and _alike(given, other_given)
    exchanged = _alike(family, other_given) and _alike(given, other_family)
    return as_they_are or exchanged


def _components(name: str) -> tuple[str, str]:
    """Family and given name, folded (PS3.5 6.2.1.1)."""
    folded, _ = fold_name(name)
    family, given, *_ = [*folded.split("^"), "", ""]
    return family[:_COMPARED], given[:_COMPARED]


def _alike(one: str, other: str) -> bool:
    """Whether one may be another spelling, an abbreviation or the absence of the other."""
    if one.startswith(other) or other.startswith(one):
        return True
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE

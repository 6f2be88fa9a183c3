"""What stands in the place of an identity: always the same, and not to be undone without the key.

Rules
- Everything is an HMAC-SHA-256 under the clinic's key (key_file.py). An unkeyed hash of a Patient
  ID is found by trying all Patient IDs (PS3.15 E.1.1, note 3 to step 1).
- UIDs become 2.25.<UUID> (PS3.5 B.2) with a version 8 UUID; what PS3.6 registers stays: a SOP
  class or a transfer syntax is no one's identity.
- A patient's dates move by one number of days, 366 to 3,650 into the past: intervals stay, also
  between studies, and no date stays in its year.
- The patient is Issuer and Patient ID; without an ID name and birth date; without those the study.
"""

from __future__ import annotations

import base64
import hmac
import uuid
from dataclasses import dataclass

KEY_BYTES = 32
_REGISTERED = "1.2.840.10008."
_LEAST_DAYS, _MOST_DAYS = 366, 3650


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Who the patient of an instance is, as far as the instance says; '' where it does not."""

    issuer: str = ""
    patient_id: str = ""
    name: str = ""
    birth_date: str = ""
    study_instance_uid: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells patients apart."""
        if self.patient_id:
            return ("id", self.issuer, self.patient_id)
        if self.name:
            return ("name", self.name, self.birth_date)
        return ("study", self.study_instance_uid)


class Pseudonyms:
    """Pseudonyms under one key."""

    def __init__(self, key: bytes) -> None:
        """key: KEY_BYTES bytes of chance. Raises ValueError."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key of {KEY_BYTES} bytes is needed")
        self._key = key

    def uid(self, uid: str) -> str:
        """The UID in another one's place."""
        if uid.startswith(_REGISTERED):
            return uid
        made = bytearray(self._mac("uid", uid)[:16])
        made[6] = made[6] & 0x0F | 0x80  # RFC 9562 5.8: version 8
        made[8] = made[8] & 0x3F | 0x80
        return f"2.25.{uuid.UUID(bytes=bytes(made)).int}"

    def patient(self, patient: Patient) -> str:
        """A patient's code, such as P-7K4M2QXA5TBN: 60 bits, so that no two fall together."""
        return "P-" + base64.b32encode(self._mac("patient", *patient.identity))[:12].decode()

    def days(self, patient: Patient) -> int:
        """By how many days a patient's dates are moved: a negative number."""
        number = int.from_bytes(self._mac("days", *patient.identity)[:8])
        return -(_LEAST_DAYS + number % (_MOST_DAYS - _LEAST_DAYS + 1))

    def label(self, *parts: str) -> str:
        """Ten letters for anything else that must stay the same."""
        return base64.b32encode(self._mac("label", *parts))[:10].decode()

    def _mac(self, *parts: str) -> bytes:
        # The unit separator cannot be in any part, so ("ab", "c") and ("a", "bc") differ.
        return hmac.digest(self._key, chr(31).join(parts).encode(), "sha256")

"""Whether the text of an answer can be trusted, and what to do where no character set is declared.

Rules
- A name is never guessed. Text beyond ASCII needs a declared Specific Character Set that we know,
  and has to decode in it (PS3.5 6.1.2); otherwise the answer is no item, and the reason says so.
- Servers that declare none although their text needs one are common: the configuration may say
  which it is (worklist.character_set). It counts only where the answer declares none.
"""

from __future__ import annotations

from pydicom import charset
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from echonode.model.character_sets import is_known_character_set
from echonode.objects.values import refusal

_TEXT_VRS = ("SH", "LO", "ST", "LT", "UC", "UT")
_UNDECLARED = "latin-1"  # what pydicom reads bytes as where nothing is declared; one to one
_REPLACEMENT = "\ufffd"
IDENTIFYING = ("PatientName", "PatientID", "AccessionNumber", "RequestedProcedureID")


def declared(answer: Dataset) -> tuple[str, ...]:
    """The character sets that the answer declares; none where that is only the default."""
    value = answer.get("SpecificCharacterSet")
    terms = [value] if isinstance(value, str) else list(value or ())
    found = tuple(str(term) for term in terms)
    return () if all(term in ("", "ISO_IR 6") for term in found) else found


def assume(answer: Dataset, character_set: str) -> None:
    """Read the text of an answer that declares nothing as `character_set`; in place."""
    if not character_set or declared(answer):
        return
    encodings = charset.convert_encodings(character_set)
    for element in answer.iterall():
        if element.VR == "PN":
            element.value = _names_in(element.value, encodings)
        elif element.VR in _TEXT_VRS and isinstance(element.value, str):
            raw = element.value.encode(_UNDECLARED, "replace")
            element.value = charset.decode_bytes(raw, encodings, set())
    answer.SpecificCharacterSet = character_set


def _names_in(value: object, encodings: list[str]) -> object:
    if isinstance(value, PersonName):
        return value.decode(encodings)
    if isinstance(value, MultiValue):
        return [_names_in(part, encodings) for part in value]
    return value


def check_repertoire(answer: Dataset) -> None:
    """Raises InvalidObject where what identifies cannot be trusted to be what the server holds."""
    sets = declared(answer)
    for keyword in IDENTIFYING:
        text = str(answer.get(keyword) or "")
        if text.isascii():
            continue
        if _REPLACEMENT in text:
            raise refusal(keyword, "its bytes are not of the character set that is declared")
        if not sets:
            raise refusal(
                keyword,
                "beyond ASCII, and no character set is declared: set worklist.character_set",
            )
        for term in sets:
            if term and not is_known_character_set(term):
                raise refusal(keyword, "beyond ASCII, in a character set that is not known here")

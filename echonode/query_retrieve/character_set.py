"""Specific Character Set (0008,0005) of a query and of its answers (PS3.5 6.1, PS3.3 C.12.1.1.2).

Rules
- A query is decoded with the set it declares. A misspelt term is read as the one that it
  resembles, an unknown one as Latin-1, and bytes that do not decode become U+FFFD: a query is never
  refused for its characters, it only finds less (C.2.2.2 leaves this to the SCP).
- An answer declares a set only when it has characters outside ASCII (PS3.4 C.4.1.1.3.2: "shall be
  included if expanded or replacement character sets may be used, shall not be otherwise").
- It is the requestor's own set where that can encode the whole answer: the same section lets an SCP
  use another set only where it does not support the requested one, and an old viewer that asks in
  Latin-1 does not display UTF-8. Otherwise it is ISO_IR 192,
  which encodes every character.
- Decoding does not go through pydicom's element conversion: that warns with the value's text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.charset import (
    ESC,
    STAND_ALONE_ENCODINGS,
    decode_bytes,
    encode_string,
    python_encoding,
)
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, PersonName

_MISSPELT = re.compile(r"ISO.?(2022.?)?(?:IR)?.?(\d{1,3})")
# PS3.5 6.1.2.5.3: after these the first set is in use again. The value is not cut up at them before
# it is decoded: within a multi-byte set their codes are halves of other characters.
_DELIMITERS = frozenset(b"\\\t\n\f\r")
_NAME_DELIMITERS = _DELIMITERS | frozenset(b"^=")
_JIS_X_0201_KATAKANA = re.compile("[\uff61-\uff9f]")


@dataclass(frozen=True)
class CharacterSet:
    """The terms of a Specific Character Set; none is the default repertoire, ISO 646."""

    terms: tuple[str, ...] = ()

    @property
    def codecs(self) -> tuple[str, ...]:
        """Python's codec of each term; the first is the one without escape sequences."""
        return tuple(python_encoding[term] for term in self.terms or ("",))

    @property
    def value(self) -> str:
        """The value of (0008,0005)."""
        return "\\".join(self.terms)

    def decode(self, vr: str, encoded: bytes) -> str:
        """The text of an element's bytes, padding kept."""
        if vr not in CUSTOMIZABLE_CHARSET_VR:
            return encoded.decode("latin_1")
        codecs = self.codecs
        if len(codecs) == 1 or ESC not in encoded:
            return encoded.decode(codecs[0], errors="replace")
        delimiters = _NAME_DELIMITERS if vr == "PN" else _DELIMITERS
        return decode_bytes(encoded, codecs, set(delimiters))

    def encode(self, vr: str, text: str) -> bytes:
        """The bytes of an element's text, not padded; `?` for what cannot be encoded."""
        if text.isascii():
            return text.encode("ascii")
        if vr not in CUSTOMIZABLE_CHARSET_VR:
            return text.encode("ascii", errors="replace")
        codecs = self.codecs
        if len(codecs) == 1 and codecs[0] != "shift_jis":
            return text.encode(codecs[0], errors="replace")
        return b"\\".join(_encode_extended(vr, value, codecs) for value in text.split("\\"))

    def can_carry(self, text: str) -> bool:
        """Whether every character of `text` is in one of the sets."""
        return all(
            any(_in_codec(character, codec) for codec in self.codecs) for character in set(text)
        )


DEFAULT_REPERTOIRE = CharacterSet()
UTF_8 = CharacterSet(("ISO_IR 192",))


def declared(terms: Sequence[str]) -> CharacterSet:
    """The character set of an identifier from the values of its (0008,0005)."""
    known = [_known_term(term.strip(" \0")) for term in terms]
    if len(known) > 1:
        # PS3.3 C.12.1.1.2: these have no code extensions; alone they stay, with others they go.
        if known[0] in STAND_ALONE_ENCODINGS:
            known = known[:1]
        known = [term for term in known if term not in STAND_ALONE_ENCODINGS] or known
    return CharacterSet(tuple(known)) if any(known) else DEFAULT_REPERTOIRE


def for_answer(texts: str, requested: CharacterSet) -> CharacterSet:
    """The set to declare for an answer that holds `texts`."""
    if texts.isascii():
        return DEFAULT_REPERTOIRE
    if requested.terms and requested.can_carry(texts):
        return requested
    return UTF_8


def _known_term(term: str) -> str:
    if term in python_encoding:
        return term
    found = _MISSPELT.fullmatch(term.upper())
    if found:
        mended = f"ISO 2022 IR {found[2]}" if found[1] else f"ISO_IR {found[2]}"
        if mended in python_encoding:
            return mended
    return "ISO_IR 192" if term.upper() in {"UTF8", "UTF-8"} else "ISO_IR 100"


def _in_codec(character: str, codec: str) -> bool:
    if character.isascii():
        return True
    if codec == "shift_jis":  # pydicom's codec for ISO-IR 13, which has katakana only
        return _JIS_X_0201_KATAKANA.fullmatch(character) is not None
    if codec == "iso8859" or character in "\u00a5\u203e":
        # ISO-IR 6 has ASCII only, though pydicom reads it with Latin-1; yen and overline stand in
        # the places of backslash and tilde in the Japanese sets.
        return False
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _encode_extended(vr: str, text: str, codecs: Sequence[str]) -> bytes:
    """One value with escape sequences between its sets (PS3.5 6.1.2.5)."""
    if vr == "PN":
        return bytes(PersonName(text).encode(list(codecs)))
    return encode_string(text, codecs)

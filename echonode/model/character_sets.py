"""Specific Character Set (0008,0005): which of its terms we can decode. Pure."""

from __future__ import annotations

import re

from pydicom import charset

# As senders misspell them.
_SPELLINGS = ((re.compile(r"^ISO.IR.?"), "ISO_IR "), (re.compile(r"^ISO.2022.IR."), "ISO 2022 IR "))


def is_known_character_set(term: str) -> bool:
    """Whether it is a defined term of PS3.3 C.12.1.1.2 that we can decode."""
    text = term.strip()
    for pattern, right in _SPELLINGS:
        text = pattern.sub(right, text)
    return text in charset.python_encoding

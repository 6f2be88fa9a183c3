"""MSH-18 Character Set: how a message's bytes are read (HL7 v2.5.1 2.15.9.18, table 0211).

Rules
- The first repetition is the set of the whole message; further ones are reached by ISO 2022 escape
  sequences (ISO IR87 and its kind). An empty first one is ASCII.
- A message whose bytes do not fit its set is refused: a name with a wrong character is another
  name. An empty MSH-18 with bytes beyond ASCII is refused, too, unless the configuration says what
  such a sender means.
- UTF-16 and UTF-32 cannot travel in MLLP: their bytes are those of its block characters.
- Each segment is decoded by itself, so that an escape sequence left open ends with it.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from types import MappingProxyType

ASCII = "ASCII"
_ISO_2022_JP = "iso2022_jp_ext"

# Table 0211 -> Python's codec.
CODECS = MappingProxyType(
    {
        ASCII: "ascii",
        "ISO IR6": "ascii",
        **{f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 10), *range(13, 17))},
        "UNICODE UTF-8": "utf_8",
        "UNICODE": "utf_8",  # withdrawn as ambiguous in 2.7; its users write UTF-8
        "UTF-8": "utf_8",  # in no version of the table, and common
        "GB 18030-2000": "gb18030",
        "KS X 1001": "euc_kr",
        "BIG-5": "big5",
        "ISO IR14": _ISO_2022_JP,
        "ISO IR87": _ISO_2022_JP,
        "ISO IR159": _ISO_2022_JP,
    }
)
_ALSO_WRITTEN = MappingProxyType(
    {
        "UNICODEUTF8": "UNICODE UTF-8",
        "UTF8": "UTF-8",
        "GB18030": "GB 18030-2000",
        "ISO88591": "8859/1",
        "ISO885915": "8859/15",
        "ISOIR100": "8859/1",
        "ISOIR192": "UNICODE UTF-8",
        "USASCII": ASCII,
    }
)
_BY_SPELLING = {
    **{"".join(filter(str.isalnum, name.upper())): name for name in CODECS},
    **_ALSO_WRITTEN,
}


def named(term: str) -> str | None:
    """The entry of table 0211 that `term` means; None where we do not read it."""
    return _BY_SPELLING.get("".join(filter(str.isalnum, term.upper())))


def codec_of(repetitions: Sequence[str], default: str) -> str | None:
    """The codec for an MSH-18 with these repetitions; None where we do not read one of them.

    default: the entry of table 0211 that an empty field stands for.
    """
    names = [named(term) if term.strip() else None for term in repetitions]
    if any(name is None for term, name in zip(repetitions, names, strict=True) if term.strip()):
        return None
    first = names[0] if names and names[0] else default
    base = CODECS[first]
    if any(name and CODECS[name] == _ISO_2022_JP for name in names):
        return _ISO_2022_JP if base in ("ascii", _ISO_2022_JP) else None
    if any(name and CODECS[name] not in (base, "ascii") for name in names[1:]):
        return None  # sets that would need escape sequences, which no sender uses
    return base


def decoded(segment: bytes, codec: str) -> str:
    """The text of one segment. Raises UnicodeDecodeError."""
    return codecs.decode(segment, codec)

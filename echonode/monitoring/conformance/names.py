"""UIDs and attributes as a reader finds them: the registry's names, with tags."""

from __future__ import annotations

from pydicom.datadict import dictionary_description, dictionary_VR, tag_for_keyword
from pydicom.uid import UID


def uid_name(uid: str) -> str:
    """The name of PS3.6 annex A; the UID itself where the dictionary has none."""
    return UID(uid).name


def syntax_names(uids: tuple[str, ...] | list[str]) -> str:
    """Transfer syntaxes in one cell."""
    return ", ".join(uid_name(uid) for uid in uids)


def tag_text(keyword: str) -> str:
    """(gggg,eeee) of an attribute."""
    tag = tag_for_keyword(keyword) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def vr_of(keyword: str) -> str:
    """The VR of PS3.6."""
    return dictionary_VR(tag_for_keyword(keyword) or 0)


def attribute_name(path: str) -> str:
    """The names of PS3.6 along a path of keywords, `>` between them."""
    return " > ".join(
        dictionary_description(tag_for_keyword(keyword) or 0) for keyword in path.split(">")
    )

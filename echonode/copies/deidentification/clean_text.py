"""Text of which only words that are known to be safe are kept (PS3.15 E.3.5, note 2).

Rules
- Words stand in safe_words.txt, and in the profile's own keep_words. All others go, and so does
  every number: `US abdomen - 55F Dr. Smith` becomes `abdomen`.
- The order of the words stays, each as it was written.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@cache
def safe_words() -> frozenset[str]:
    """The words of safe_words.txt, in lower case."""
    text = files(__package__).joinpath("safe_words.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word.casefold() for line in lines for word in line.split())


def clean_text(text: str, more: frozenset[str] = frozenset()) -> str:
    """The safe words of a text; '' where there is none. more: in lower case."""
    words = safe_words()
    found = (
        word for word in _WORD.findall(text) if word.casefold() in words or word.casefold() in more
    )
    return " ".join(found)

"""A text as a QR code: rows of 0 and 1, to be drawn by the page that shows it.

Rules
- Pure: no picture is made here. A module is a character, 1 for dark, without the quiet zone.
- Error correction M or better (ISO/IEC 18004): read from a screen with a reflection on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import segno

# About a tenth of a second of work, and 69 modules a side: a phone reads it from a tablet's screen.
MOST_CHARACTERS = 280


def qr_rows(text: str) -> Sequence[str]:
    """The rows from the top, each as long as there are rows.

    Raises ValueError for a text that is empty, not ASCII, or longer than MOST_CHARACTERS.
    """
    if not text or not text.isascii() or len(text) > MOST_CHARACTERS:
        raise ValueError(f"a QR code takes 1 to {MOST_CHARACTERS} ASCII characters")
    code = segno.make(text, error="m", micro=False)
    return ["".join("1" if module else "0" for module in row) for row in code.matrix]

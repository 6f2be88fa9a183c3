"""`python -m tools.reference` writes every generated part; with --check it only compares.

Exit status 1 with --check where a part is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.reference.parts import PARTS, current, with_part

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    stale = 0
    for part in PARTS:
        path = ROOT / part.document
        text = path.read_text(encoding="utf-8")
        if current(text, part):
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{part.document}: `{part.name}` is not current. Run: make docs")
        else:
            path.write_text(with_part(text, part), encoding="utf-8")
            print(f"{part.document}: {part.name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

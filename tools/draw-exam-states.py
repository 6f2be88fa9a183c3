"""The states of an exam, drawn from the table that the node obeys.

python tools/draw-exam-states.py docs/exams.md           writes the drawing between its marks
python tools/draw-exam-states.py docs/exams.md --check   exits 1 where it is not the table's
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from echonode.model.exam_state import TRANSITIONS, ExamEvent, ExamState, opened

BEGIN, END = "<!-- states: drawn by tools/draw-exam-states.py -->", "<!-- end of states -->"


def drawing() -> str:
    """A Mermaid state diagram; a row of the table that changes nothing is an arrow to itself."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (before, event), after in TRANSITIONS.items():
        arrows[name(before), name(after)].append(event.value)
    lines = ["```mermaid", "stateDiagram-v2"]
    for identified in (False, True):
        with_patient = "with a patient" if identified else "without one"
        first = name(opened(identified=identified))
        lines.append(f"    [*] --> {first}: {ExamEvent.OPENED} {with_patient}")
    lines += [
        f"    {before} --> {after}: {', '.join(events)}"
        for (before, after), events in arrows.items()
    ]
    return "\n".join([*lines, "```"])


def name(state: ExamState) -> str:
    return f"{state.progress}_{state.identity}"


def main() -> int:
    path, check = Path(sys.argv[1]), "--check" in sys.argv
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    drawn = f"{before}{BEGIN}\n\n{drawing()}\n\n{END}{after}"
    if check:
        return int(drawn != text)
    path.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

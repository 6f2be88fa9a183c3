"""What PLUS writes of each frame of a sequence: time, status and transforms, as text.

Rules
- Numbers have 17 digits, so that they come back as they were.
- A transform that was invalid is the unit matrix and INVALID, as PLUS has it; one that a frame has
  none of is left out.

Source: PlusToolkit/PlusLib, src/PlusCommon/IO/vtkPlusSequenceIOBase.cxx.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from echonode.copies.research.frame_stack import FrameStack
from echonode.objects.tracking import Tracking, TransformStatus

_UNIT = "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"
_NOT_A_WORD = re.compile(r"\W", re.ASCII)


def fields_of(stack: FrameStack) -> Iterator[tuple[str, str]]:
    """The fields of every frame, in order."""
    for index in range(len(stack.numbers)):
        prefix = f"Seq_Frame{index:04d}_"
        yield f"{prefix}FrameNumber", str(index)
        yield f"{prefix}ImageStatus", "OK"
        yield f"{prefix}Timestamp", _number(stack.times_s[index] if stack.times_s else float(index))
        if stack.tracking is not None:
            yield from _transforms(prefix, stack.tracking, index)


def _transforms(prefix: str, tracking: Tracking, index: int) -> Iterator[tuple[str, str]]:
    for column, name in enumerate(tracking.names):
        status = tracking.status[index, column]
        if status == TransformStatus.ABSENT:
            continue
        valid = status == TransformStatus.VALID
        numbers = " ".join(map(_number, tracking.matrices[index, column].tolist()))
        # A name may come from the wire: it must not make a line of its own.
        key = f"{prefix}{_NOT_A_WORD.sub('_', name)}Transform"
        yield key, numbers if valid else _UNIT
        yield f"{key}Status", "OK" if valid else "INVALID"


def _number(value: float) -> str:
    return f"{value:.17g}"

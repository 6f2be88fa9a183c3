"""`Seq_Frame0012_Timestamp` and the like: what PLUS says of each frame in a sequence's header.

Source: PlusToolkit/PlusLib, src/PlusCommon/IO/vtkPlusSequenceIOBase.cxx and its two formats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from echonode.probe.openigtlink.tracked_fields import Matrix, timestamp_of, transforms_of
from echonode.probe.recordings.image_sequence import FRAMES_LIMIT

_FIELD = re.compile(r"Seq_Frame(\d{1,9})_(\w{1,128})")
_NONE: Mapping[str, str] = MappingProxyType({})
FIELDS_A_FRAME = 128


class SequenceFields:
    """The fields of every frame, collected while a header is read."""

    def __init__(self) -> None:
        self._fields: dict[int, dict[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._fields)

    def take(self, key: str, value: str) -> bool:
        """Keep `value` where `key` is a frame's field; whether it is."""
        match = _FIELD.fullmatch(key)
        if match is None:
            return False
        index = int(match[1])
        if index < FRAMES_LIMIT:
            of_frame = self._fields.setdefault(index, {})
            if len(of_frame) < FIELDS_A_FRAME:
                of_frame[match[2]] = value.strip()
        return True

    def usable(self, index: int) -> bool:
        """Whether the frame has an image: PLUS fills the place of one that it lost with a blank."""
        fields = self._fields.get(index, _NONE)
        return fields.get("ImageStatus", fields.get("Status", "OK")).upper() == "OK"

    def timestamp_s(self, index: int) -> float | None:
        """Seconds of the recorder's clock."""
        return timestamp_of(self._fields.get(index, _NONE))

    def common(self) -> Mapping[str, str]:
        """What is said alike of every frame that has fields."""
        frames = list(self._fields.values())
        first = frames[0] if frames else {}
        return {
            key: value
            for key, value in first.items()
            if all(fields.get(key) == value for fields in frames)
        }

    def transforms(self, index: int) -> Mapping[str, Matrix | None]:
        """Where the tracker saw what; None where it did not see it well."""
        return MappingProxyType(transforms_of(self._fields.get(index, _NONE)))

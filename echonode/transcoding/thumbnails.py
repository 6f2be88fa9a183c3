"""Thumbnails of stored instances: drawn when asked for, and kept in memory up to a limit.

Rules
- One is drawn at a time: many requests at once cost no more memory than one.
- Of a clip it is the middle frame; only that frame is read from the disk.
- What cannot be drawn is remembered as such, so that it is not tried at every refresh of the page.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from echonode.errors import InvalidObject
from echonode.log import get_logger
from echonode.model.instance import StoredInstance, open_bytes
from echonode.transcoding.dataset import NATIVE, open_source
from echonode.transcoding.file_bytes import FileBytes
from echonode.transcoding.frame_thumbnail import can_be_drawn, thumbnail

log = get_logger(__name__)

# Some two thousand thumbnails of 4 kB: a busy day's images.
CACHE_BYTES = 8 * 1024 * 1024
_ENTRY_BYTES = 200  # of the bookkeeping, so that empty entries count as well


class Thumbnails:
    """find: an instance by its SOP Instance UID, None where it is not here. Thread-safe."""

    def __init__(
        self, find: Callable[[str], StoredInstance | None], *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._find = find
        self._limit = cache_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()  # the last used at the end
        self._bytes = 0
        self._lock = threading.Lock()

    def jpeg(self, sop_instance_uid: str) -> bytes | None:
        """The JPEG; None where the instance is not here or cannot be drawn. Raises StoreError."""
        with self._lock:
            kept = self._kept.get(sop_instance_uid)
            if kept is not None:
                self._kept.move_to_end(sop_instance_uid)
                return kept or None
            instance = self._find(sop_instance_uid)
            if instance is None:
                return None
            drawn = _drawn(instance)
            self._keep(sop_instance_uid, drawn)
            return drawn or None

    def _keep(self, sop_instance_uid: str, drawn: bytes) -> None:
        self._kept[sop_instance_uid] = drawn
        self._bytes += len(drawn) + _ENTRY_BYTES
        while self._bytes > self._limit:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone) + _ENTRY_BYTES


def _drawn(instance: StoredInstance) -> bytes:
    """The JPEG of the middle frame; b'' where none can be drawn."""
    if instance.transfer_syntax_uid not in NATIVE:
        return b""
    try:
        return _middle_frame(instance)
    except InvalidObject:
        return b""
    except Exception as error:  # noqa: BLE001  the border of one instance: others have theirs
        log.warning(
            "thumbnail_failed",
            sop_instance_uid=instance.sop_instance_uid,
            error=type(error).__name__,
        )
        return b""


def _middle_frame(instance: StoredInstance) -> bytes:
    with open_bytes(instance) as file:
        dataset = FileBytes.of(file, instance.dataset_offset)
        source = open_source(dataset, instance.transfer_syntax_uid)
        pixels = source.pixels
        if not can_be_drawn(pixels):
            return b""
        frame = source.frame(pixels.frames // 2)
    return thumbnail(frame, pixels)

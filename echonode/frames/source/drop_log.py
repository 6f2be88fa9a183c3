"""Says in the log which frames became no image, and why; not at each of them."""

from __future__ import annotations

from collections.abc import Mapping

from echonode.frames.source.source_counts import DropReason, SourceCounts
from echonode.log import get_logger

log = get_logger(__name__)

# A probe faster than its node drops dozens a second; one line a second says as much.
DROP_LOG_INTERVAL_S = 1.0


class DropLog:
    """What was logged for one probe. For one thread."""

    def __init__(self, probe: str) -> None:
        self._probe = probe
        self._told: Mapping[DropReason, int] = {}
        self._told_at: float | None = None

    def tell(self, counts: SourceCounts, elapsed_s: float | None) -> None:
        """Log what was dropped since last time, a line a reason.

        elapsed_s: of the connection; None: now, whenever last time was.
        """
        new = {
            reason: count - self._told.get(reason, 0) for reason, count in counts.dropped.items()
        }
        if not any(new.values()):
            return
        last = self._told_at
        since_s = None if elapsed_s is None or last is None else elapsed_s - last
        if since_s is not None and 0 <= since_s < DROP_LOG_INTERVAL_S:
            return
        for reason in filter(new.get, new):
            log.warning(
                "frame_dropped",
                probe=self._probe,
                frames=new[reason],
                reason=reason.value,
                total=counts.frames_dropped,
            )
        self._told, self._told_at = counts.dropped, elapsed_s

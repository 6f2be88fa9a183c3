"""Memory that was freed goes back to the system.

glibc raises its own thresholds when large blocks are freed, up to keeping 64 MB in each thread's
arena: a burst of large objects would look like a leak of a node that runs for years. Fixed
thresholds keep that off (mallopt(3)). Without glibc nothing is done.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Blocks from here on are mapped alone and unmapped when freed: cines and large datasets, never the
# PDU buffers and header objects that come and go thousands of times a second.
_LARGE_BYTES = 4 * 1024 * 1024


def give_back_freed_memory() -> None:
    """Set it for this process, before threads start."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)

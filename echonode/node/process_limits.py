"""What the system allows this process, set at its start: descriptors up, core dumps off.

Rules
- The soft limit of descriptors is raised to the hard one. The soft one of 1,024 is kept small for
  programs that use select(), which has an end there; nothing here does.
- How many connections fit into it is counted, with the rest of the node served first: a flood of
  silent callers must find no descriptor that a probe, a delivery or the store will need.
- A core dump would hold pixels and names, readable to those who collect crashes. RLIMIT_CORE keeps
  it from the disk; PR_SET_DUMPABLE keeps it from a collector that the kernel starts (core(5)), and
  the memory from other processes of the same user (ptrace(2)).
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from dataclasses import dataclass

# The hard limit of macOS has no end, and yet it takes no more than OPEN_MAX (setrlimit(2) there).
_OPEN_MAX = 10240
_PR_SET_DUMPABLE = 4  # prctl(2), Linux

# Descriptors that are not for callers. A node at rest has about 25; these are for a busy one.
FOR_PROCESS = 48  # standard streams, event loop, wake-ups, listeners, codec workers' pipes
FOR_STORE = 96  # the index (its writer, eight readers and their WAL), files under way
FOR_DESTINATION = 6  # of each, next to its associations: look-ups and preflight
FOR_SENDING = 3  # of each association of a destination: socket, wake-up, the file that is sent
FOR_PROBE = 8  # of each: listener, connection, a recording, a preview
# What an association of a caller takes: socket, wake-up, a file, a reader of the index.
FOR_ASSOCIATION = 4
# A silent caller takes its socket. Associations may use half of what is left for callers.
_ASSOCIATIONS_HALF = 2 * FOR_ASSOCIATION
# So many at least, however few there are: a node that serves no caller is of no use.
FEWEST_CONNECTIONS, FEWEST_ASSOCIATIONS = 16, 4


@dataclass(frozen=True, kw_only=True)
class CallerLimits:
    """How many connections, and associations among them, the descriptors are enough for."""

    connections: int
    associations: int


def descriptor_limit() -> int:
    """How many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def raise_descriptor_limit() -> int:
    """Raise the soft limit to the hard one as far as the system lets us; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, max(soft, _OPEN_MAX)):
        # Refused where it is more than the kernel gives any process (fs.nr_open).
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
    return descriptor_limit()


def caller_limits(
    descriptors: int,
    *,
    connections: int,
    associations: int,
    sending: int = 0,
    destinations: int = 0,
    probes: int = 0,
    web: int = 0,
) -> CallerLimits:
    """What fits next to the rest of the node, `connections` and `associations` at most.

    sending: associations of all destinations together. web: HTTP connections.
    """
    reserved = (
        FOR_PROCESS
        + FOR_STORE
        + FOR_DESTINATION * destinations
        + FOR_SENDING * sending
        + FOR_PROBE * probes
        + web
    )
    left = max(0, descriptors - reserved)
    most = max(FEWEST_ASSOCIATIONS, min(associations, left // _ASSOCIATIONS_HALF))
    return CallerLimits(
        # All may be associations, or `most` of them and the rest silent.
        connections=max(FEWEST_CONNECTIONS, min(connections, left - (FOR_ASSOCIATION - 1) * most)),
        associations=most,
    )


def forbid_core_dumps() -> None:
    """No core dump of this process from here on, nor of those it starts by fork."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

"""What every echOpen probe is: one element that a motor sweeps. No header says it, or a serial."""

from __future__ import annotations

from echonode.probe.messages import Scanner


def echopen_scanner(dialect: str, *, transducer: str = "") -> Scanner:
    """A probe of `dialect`; transducer: the name that it has for it, where it has one."""
    return Scanner(
        manufacturer="echOpen",
        model=dialect,
        transducer=transducer or "SINGLE ELEMENT",
        transducer_type="SECTOR_MECH",
    )

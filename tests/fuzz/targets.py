"""All fuzz targets by name, in the order of the nightly run."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.fuzz import (
    targets_files,
    targets_live,
    targets_network,
    targets_orders,
    targets_probe,
    targets_ris,
    targets_transcoding,
)
from tests.fuzz.target import Target

_TRANSCODING = tuple(
    Target(run=run, seeds=(targets_transcoding.SEEDS[run],)) for run in targets_transcoding.TARGETS
)
TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            *targets_network.TARGETS,
            *targets_live.TARGETS,
            *targets_orders.TARGETS,
            *targets_files.TARGETS,
            *_TRANSCODING,
            *targets_probe.TARGETS,
            *targets_ris.TARGETS,
        )
    }
)

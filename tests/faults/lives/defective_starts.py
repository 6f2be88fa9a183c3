"""Starts with a defect, to see that the power cuts bring it to light; the life before was sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from echonode.store.ingest.pooled_files import PooledFiles


def _no_look_into_the_pool() -> None:
    PooledFiles.bring_back = lambda self: set()


STARTS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        "no look into the pool": _no_look_into_the_pool,
    }
)

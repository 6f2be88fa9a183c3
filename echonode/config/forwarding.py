"""Forwarding: instances that other modalities send here go on to destinations (a gateway)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from echonode.config.fields import Section


def _as_list(value: object) -> object:
    """One entry may stand without its list."""
    return (value,) if isinstance(value, str) else value


# What DICOMweb (STOW-RS) stores comes from it, where no peer has that name.
WEB_SENDER = "dicomweb"


class ForwardingRule(Section):
    """What a peer stores here is delivered to these destinations, as captured instances are."""

    from_peer: Annotated[str, Field(alias="from")]
    """The entry under `peers` that stores; `dicomweb` for what is posted to DICOMweb.
    Example: scanner"""
    to: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_as_list)]
    """The `peer` of each destination; one or a list. Example: [pacs, backup]"""

"""A destination's section of the configuration as delivery's own values."""

from __future__ import annotations

from echonode.config import DestinationSection
from echonode.delivery.policy import DeliveryPolicy
from echonode.delivery.ports import Reencode
from echonode.delivery.status_table import Treatment, Verdict
from echonode.transcoding.reencoder import Reencoder


def delivery_policy(section: DestinationSection) -> DeliveryPolicy:
    """What the operator chose for one destination."""
    return DeliveryPolicy(
        associations=section.associations,
        statuses={
            pattern: Verdict(
                treatment=Treatment(rule.treatment),
                meaning=f"status {pattern}: {rule.treatment}, by this node's configuration",
                retry_delays_s=rule.retry_delays_s,
                alarm=rule.alarm,
            )
            for pattern, rule in section.statuses.items()
        },
        lossy_quality=section.lossy.quality if section.lossy else None,
    )


def reencode_for(section: DestinationSection, reencoder: Reencoder) -> Reencode:
    """What may be made of an instance for it: without loss, unless its profile allows some."""
    return reencoder.with_loss(section.lossy.quality) if section.lossy else reencoder.lossless

"""The object storage of instances: whether it answers, and does what the store depends on."""

from __future__ import annotations

from echonode.config import Config
from echonode.errors import ConfigError, OutOfSpace
from echonode.monitoring.preflight.outcome import PeerOutcome, Step
from echonode.store.objects.bucket import Bucket
from echonode.store.objects.honesty import faults_of

NAME = "objects"


def check_objects(config: Config) -> PeerOutcome | None:
    """What two small objects show; None where instances are files in data_dir."""
    at = config.objects_at()
    if at is None:
        return None
    try:
        faults = faults_of(Bucket(at))
    except (OutOfSpace, ConfigError) as error:
        step = Step(
            name="answer",
            ok=False,
            detail=str(error),
            remedy="Correct `objects.url`, `objects.endpoint` and `objects.region`; the keys of "
            "the account are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment. The "
            "bucket must exist.",
        )
    else:
        step = Step(
            name="keep",
            ok=not faults,
            detail="; ".join(faults) or "it made, kept, read, listed and deleted two objects",
            remedy="Use a server that keeps to S3: Garage, Ceph RGW, SeaweedFS, AWS."
            if faults
            else "",
        )
    return PeerOutcome(
        peer=NAME,
        ae_title="object storage",
        address=at.endpoint or "AWS",
        purpose=f"instances in {at.url}",
        steps=(step,),
    )

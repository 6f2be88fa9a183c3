"""A destination's section: where instances go, and how they are sent there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from echonode.config.fields import Section
from echonode.model.identity import CommitmentPolicy

# Four hexadecimal digits, the last ones as `x` for any: A702, A70x, A7xx, Cxxx.
StatusPattern = Annotated[
    str, Field(pattern=r"^[0-9A-F]([0-9A-F]{3}|[0-9A-F]{2}x|[0-9A-F]xx|xxx)$")
]
Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]


class StatusRule(Section):
    """What a status of this archive means, where it is otherwise than docs/operations.md says.

    retry_delays_s: before each repetition, then it is held; only for retry_then_hold.
    """

    treatment: Literal[
        "stored",
        "perhaps_stored",
        "pause_destination",
        "retry_then_hold",
        "other_context",
        "hold",
        "resend",
    ]
    retry_delays_s: Annotated[tuple[Seconds, ...], Field(max_length=100)] = ()
    alarm: bool = False

    @model_validator(mode="after")
    def _delays(self) -> StatusRule:
        if bool(self.retry_delays_s) != (self.treatment == "retry_then_hold"):
            raise ValueError("retry_then_hold, and only it, has retry_delays_s")
        return self


class LossyProfile(Section):
    """JPEG baseline for an archive that takes nothing lossless: as a derived instance.

    keep_original: whether the original stays here for ever; else it goes like any other, once the
    archive has proved that it holds the copy.
    """

    quality: Annotated[int, Field(ge=50, le=100)] = 95
    keep_original: bool = True


class DestinationSection(Section):
    """A peer that instances go to.

    associations: at most so many at once. statuses: rows of the status table that are otherwise
    here. lossy: what may be sent with loss; without it nothing is.
    """

    peer: str
    commitment: CommitmentPolicy = CommitmentPolicy.REQUIRED
    associations: Annotated[int, Field(ge=1, le=32)] = 8
    statuses: dict[StatusPattern, StatusRule] = Field(default_factory=dict)
    lossy: LossyProfile | None = None

"""A destination's section: where instances go, and how they are sent there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from echonode.config.fields import Allowed, Section
from echonode.model.identity import CommitmentPolicy

# Four hexadecimal digits, the last ones as `x` for any: A702, A70x, A7xx, Cxxx.
StatusPattern = Annotated[
    str,
    Field(pattern=r"^[0-9A-F]([0-9A-F]{3}|[0-9A-F]{2}x|[0-9A-F]xx|xxx)$"),
    Allowed("four hexadecimal digits, the last ones `x` for any: A702, A7xx, Cxxx"),
]
Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]


class StatusRule(Section):
    """What a status of this archive means, where docs/operations.md says otherwise."""

    treatment: Literal[
        "stored",
        "perhaps_stored",
        "pause_destination",
        "retry_then_hold",
        "other_context",
        "hold",
        "resend",
    ]
    """What is done; docs/operations.md has each. Example: retry_then_hold"""
    retry_delays_s: Annotated[tuple[Seconds, ...], Field(max_length=100)] = ()
    """The pause before each repetition, in seconds; then the delivery is held. With
    `retry_then_hold` only, and there required. Example: [60, 600]"""
    alarm: bool = False
    """Log it as an error from the first time on. Example: true"""

    @model_validator(mode="after")
    def _delays(self) -> StatusRule:
        if bool(self.retry_delays_s) != (self.treatment == "retry_then_hold"):
            raise ValueError("retry_then_hold, and only it, has retry_delays_s")
        return self


class LossyProfile(Section):
    """JPEG baseline for an archive that takes nothing lossless: it gets a derived instance."""

    quality: Annotated[int, Field(ge=50, le=100)] = 95
    """JPEG quality. Example: 90"""
    keep_original: bool = True
    """Whether the original is never deleted here; otherwise retention deletes it once the archive
    has proved that it keeps the copy. Example: false"""


class DestinationSection(Section):
    """A peer that instances go to, and the proof that is wanted of it."""

    peer: str
    """The entry under `peers` that it goes to. Example: pacs"""
    commitment: CommitmentPolicy = CommitmentPolicy.REQUIRED
    """The proof that it keeps an instance: `required` is storage commitment, `verify` that it finds
    the instance again (C-FIND), `none` its answer to C-STORE. Example: verify"""
    associations: Annotated[int, Field(ge=1, le=32)] = 8
    """The most associations at once; 1 keeps an exam in strict order. Example: 4"""
    statuses: dict[StatusPattern, StatusRule] = Field(default_factory=dict)
    """What its answers to C-STORE mean, where docs/operations.md says otherwise. The narrowest
    pattern decides. Example: {C211: {treatment: retry_then_hold, retry_delays_s: [60, 600]}}"""
    lossy: LossyProfile | None = None
    """JPEG baseline where the archive takes nothing lossless; without it nothing is sent with loss.
    Example: {quality: 90}"""

"""A destination's section: where instances go, and how they are sent there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from echonode.config.dicomweb_address import WebAddress, parsed
from echonode.config.fields import Allowed, FilePath, Name, Section
from echonode.config.network import PeerTLS
from echonode.model.identity import CommitmentPolicy, Peer, WebAccess

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
    """A peer or a DICOMweb server that instances go to, and the proof that is wanted of it."""

    peer: str | None = None
    """The entry under `peers` that it goes to; or `dicomweb`. Example: pacs"""
    dicomweb: WebAddress | None = None
    """The base URL of a DICOMweb server: instances are stored by STOW-RS and found again by
    QIDO-RS. Example: https://archive.example/dicom-web"""
    name: Name | None = None
    """With `dicomweb`, and there required: the name of the destination. Example: cloud"""
    tls: PeerTLS | None = None
    """With `dicomweb`: the certificates; without it, the server's must be of an authority that this
    system trusts. Example: {ca: clinic-ca.pem}"""
    token_file: FilePath | None = None
    """With `dicomweb`: the file with the bearer token, readable by the node's user alone. It is
    read for each connection. Example: /etc/echonode/cloud.token"""
    user: Annotated[str, Field(pattern=r"^[!-9;-~]{1,128}$")] | None = None
    """With `dicomweb`, in the place of a token: the user of basic authentication.
    Example: echonode"""
    password_file: FilePath | None = None
    """With `user`: the file with the password, readable by the node's user alone.
    Example: /etc/echonode/cloud.password"""
    commitment: CommitmentPolicy = CommitmentPolicy.REQUIRED
    """The proof that it keeps an instance: `required` is storage commitment, `verify` that it finds
    the instance again (C-FIND, QIDO-RS), `none` its answer to C-STORE or STOW-RS. With `dicomweb`
    it is `verify` or `none`. Example: verify"""
    associations: Annotated[int, Field(ge=1, le=32)] = 8
    """The most associations at once; 1 keeps an exam in strict order. Example: 4"""
    statuses: dict[StatusPattern, StatusRule] = Field(default_factory=dict)
    """What its answers to C-STORE mean, where docs/operations.md says otherwise. The narrowest
    pattern decides. Example: {C211: {treatment: retry_then_hold, retry_delays_s: [60, 600]}}"""
    anonymise: Name | None = None
    """The profile under `anonymise`, or `basic`: every instance goes there as an anonymised copy
    (docs/anonymised-copies.md), and nothing of the patient does. Example: study-7"""
    lossy: LossyProfile | None = None
    """JPEG baseline where the archive takes nothing lossless; without it nothing is sent with loss.
    Example: {quality: 90}"""

    @model_validator(mode="after")
    def _one_target(self) -> DestinationSection:
        if (self.peer is None) == (self.dicomweb is None):
            raise ValueError("a destination has either `peer` or `dicomweb`")
        of_web = ("name", "tls", "token_file", "user", "password_file")
        given = [key for key in of_web if getattr(self, key) is not None]
        if self.peer is not None and given:
            raise ValueError(f"`{given[0]}` goes with `dicomweb` only")
        if self.dicomweb is not None and self.name is None:
            raise ValueError("a destination with `dicomweb` needs a `name`")
        if (self.user is None) != (self.password_file is None):
            raise ValueError("`user` and `password_file` go together")
        if self.token_file is not None and self.user is not None:
            raise ValueError("give `token_file`, or `user` with `password_file`")
        if self.tls is not None and self.dicomweb and self.dicomweb.startswith("http:"):
            raise ValueError("`tls` needs an address with https://")
        return self

    @property
    def target(self) -> str:
        """The name of the destination: the peer's, or its own."""
        return self.peer or self.name or ""

    def web_peer(self) -> Peer | None:
        """The DICOMweb server as the rest of the node knows it; None for a peer."""
        if self.dicomweb is None:
            return None
        url = parsed(self.dicomweb)
        return Peer(
            name=self.target,
            ae_title=self.target,
            host=url.host,
            port=url.port,
            may=frozenset(),
            tls=self.tls.value() if self.tls else None,
            web=WebAccess(
                is_encrypted=url.is_encrypted,
                path=url.path,
                token_file=self.token_file,
                user=self.user or "",
                password_file=self.password_file,
            ),
        )

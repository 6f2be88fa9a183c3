"""What each peer is used for, by the configuration. Pure.

A peer that we never call (it only sends to us, or only queries us) cannot be checked from here: it
has to test its own calls to us.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.config import Config, DestinationSection
from echonode.delivery.encoding_options import EncodingOptions
from echonode.dimse.contexts import COMMITMENT, MPPS, PRINT, WORKLIST, ProposedContext, find_context
from echonode.exam.worklist.query import WorklistQuery
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy, Peer, Service


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What we need of one peer.

    policy: as a destination; None for other peers. syntaxes: the transfer syntaxes that our images
    can be sent in, the preferred one first. lossy_quality: of JPEG baseline; None where it is not
    allowed for the destination. retrieves: it may have images moved to itself.
    worklist, reports_steps: what the RIS does for us; a query for each station.
    """

    peer: Peer
    policy: CommitmentPolicy | None = None
    syntaxes: tuple[str, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    lossy_quality: int | None = None
    retrieves: bool = False
    worklist: tuple[WorklistQuery, ...] = ()
    reports_steps: bool = False
    prints: bool = False

    @property
    def is_called(self) -> bool:
        """Whether we ever open an association with it."""
        stores = self.policy is not None or self.retrieves
        return stores or bool(self.worklist) or self.reports_steps or self.prints

    @property
    def purpose(self) -> str:
        """What the peer is used for, as a text."""
        words = []
        if self.policy is not None:
            words.append(f"destination, commitment {self.policy}")
        if self.retrieves:
            words.append("retrieves from us")
        if self.worklist:
            words.append("worklist")
        if self.reports_steps:
            words.append("procedure steps")
        if self.prints:
            words.append("printer")
        return "; ".join(words) or "only calls us: nothing to prove from here"

    @property
    def storage(self) -> tuple[ProposedContext, ...]:
        """What our images need, of which each class must have one."""
        if self.policy is None and not self.retrieves:
            return ()
        return tuple(
            ProposedContext(abstract_syntax=uid, transfer_syntaxes=self.syntaxes)
            for uid in (UltrasoundImageStorage, UltrasoundMultiFrameImageStorage)
        )

    @property
    def services(self) -> tuple[ProposedContext, ...]:
        """What else is needed, of which each must have one."""
        wanted = []
        if self.policy is CommitmentPolicy.REQUIRED:
            wanted.append(COMMITMENT)
        if self.policy is CommitmentPolicy.VERIFY:
            wanted.append(find_context(Root.STUDY))
        if self.worklist:
            wanted.append(WORKLIST)
        if self.reports_steps:
            wanted.append(MPPS)
        if self.prints:
            wanted.append(PRINT)
        return tuple(wanted)


def requirements_of(config: Config) -> Iterator[Requirements]:
    """The requirements of every peer, in the order of the configuration."""
    destinations = {section.target: section for section in config.destinations}
    for peer in (*config.peer_values(), *config.web_peer_values()):
        section = destinations.get(peer.name)
        need = Requirements(
            peer=peer,
            retrieves=Service.MOVE in peer.may and section is None,
            worklist=_worklist(config, peer),
            reports_steps=config.mpps is not None and config.mpps.peer == peer.name,
            prints=any(each.peer == peer.name for each in config.prints),
        )
        yield need if section is None else _delivered_to(need, section)


def _delivered_to(need: Requirements, section: DestinationSection) -> Requirements:
    """With the encodings of its delivery: what is proved is what will be used."""
    encoding_options = EncodingOptions(reencoding=True, lossy=section.lossy is not None)
    return replace(
        need,
        policy=section.commitment,
        syntaxes=tuple(
            syntax
            for _, syntax in encoding_options.contexts_of(
                UltrasoundImageStorage, ExplicitVRLittleEndian
            )
        ),
        lossy_quality=section.lossy.quality if section.lossy else None,
    )


def _worklist(config: Config, peer: Peer) -> tuple[WorklistQuery, ...]:
    section = config.worklist
    if section is None or section.peer != peer.name:
        return ()
    return tuple(
        WorklistQuery(station_ae_title=title, modality=section.modality)
        for title in section.station_ae_title or ("",)
    )

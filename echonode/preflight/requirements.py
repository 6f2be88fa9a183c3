"""What each peer is for, by the configuration: pure.

A peer that we never call (it only sends to us, or only queries us) has nothing that we could prove
from here: its own calls to us are its own preflight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from echonode.config import Config, DestinationSection
from echonode.delivery.negotiation import Repertoire
from echonode.dimse.contexts import (
    COMMITMENT,
    EXPLICIT_LE,
    IMPLICIT_LE,
    MPPS,
    WORKLIST,
    ProposedContext,
    find_context,
)
from echonode.exam.worklist.query import WorklistQuery
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy, Peer, Service

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What we need of one peer.

    policy: of the destination that it is, None where it is none. syntaxes: what our images can be
    sent to it in, the preferred one first. lossy_quality: of JPEG baseline, None where the
    destination's profile does not allow it. retrieves: it may have images moved to itself.
    worklist, reports_steps: what the RIS does for us; a query for each station.
    """

    peer: Peer
    policy: CommitmentPolicy | None = None
    syntaxes: tuple[str, ...] = (EXPLICIT_LE, IMPLICIT_LE)
    lossy_quality: int | None = None
    retrieves: bool = False
    worklist: tuple[WorklistQuery, ...] = ()
    reports_steps: bool = False

    @property
    def is_called(self) -> bool:
        """Whether we ever open an association with it."""
        stores = self.policy is not None or self.retrieves
        return stores or bool(self.worklist) or self.reports_steps

    @property
    def purpose(self) -> str:
        """In words."""
        words = []
        if self.policy is not None:
            words.append(f"destination, commitment {self.policy}")
        if self.retrieves:
            words.append("retrieves from us")
        if self.worklist:
            words.append("worklist")
        if self.reports_steps:
            words.append("procedure steps")
        return "; ".join(words) or "only calls us: nothing to prove from here"

    @property
    def storage(self) -> tuple[ProposedContext, ...]:
        """What our images need, of which each class must have one."""
        if self.policy is None and not self.retrieves:
            return ()
        return tuple(
            ProposedContext(abstract_syntax=uid, transfer_syntaxes=self.syntaxes)
            for uid in (US_IMAGE, US_MULTI_FRAME)
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
        return tuple(wanted)


def needs_of(config: Config) -> Iterator[Needs]:
    """Every peer's, in the file's order."""
    destinations = {section.peer: section for section in config.destinations}
    for peer in config.peer_values():
        section = destinations.get(peer.name)
        need = Needs(
            peer=peer,
            retrieves=Service.MOVE in peer.may and section is None,
            worklist=_worklist(config, peer),
            reports_steps=config.mpps is not None and config.mpps.peer == peer.name,
        )
        yield need if section is None else _delivered_to(need, section)


def _delivered_to(need: Needs, section: DestinationSection) -> Needs:
    """With what delivery can do for it: proved is what will be used."""
    repertoire = Repertoire(reencoding=True, lossy=section.lossy is not None)
    return replace(
        need,
        policy=section.commitment,
        syntaxes=tuple(syntax for _, syntax in repertoire.contexts_of(US_IMAGE, EXPLICIT_LE)),
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

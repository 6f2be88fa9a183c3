"""Checks one peer step by step; a step is tried only where those that it needs succeeded."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.delivery.printing.conversation import NotPrinted, state_of
from echonode.dimse.contexts import (
    FIND_CLASSES,
    MPPS,
    PRINT,
    VERIFICATION,
    WORKLIST,
    ProposedContext,
)
from echonode.dimse.requested_association import RequestedAssociation
from echonode.errors import ContextNotAccepted, NetworkError, PeerUnreachable
from echonode.exam.worklist.query import OPTIONAL_KEYS, WorklistQuery, identifier
from echonode.model import remedies
from echonode.model.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from echonode.model.criteria import Root
from echonode.model.identity import CallBackAddress, CommitmentPolicy, Peer
from echonode.model.status import PENDING, SUCCESS, StatusKind, kind_of
from echonode.monitoring.preflight.outcome import PeerOutcome, Step
from echonode.monitoring.preflight.requirements import Requirements
from echonode.system_faults import said_of
from echonode.transcoding.codecs import JPEG_2000_REVERSIBLE, JPEG_BASELINE, JPEG_LS, RLE

CONNECT_S = 5.0
_NAMES: Mapping[str, str] = {
    UltrasoundImageStorage: "US Image",
    UltrasoundMultiFrameImageStorage: "US Multi-frame Image",
    STORAGE_COMMITMENT_PUSH_MODEL: "storage commitment",
    FIND_CLASSES[Root.STUDY]: "query (Study Root)",
    WORKLIST.abstract_syntax: "worklist",
    MPPS.abstract_syntax: "procedure steps",
    PRINT.abstract_syntax: "Basic Grayscale Print Management",
    ImplicitVRLittleEndian: "Implicit VR Little Endian",
    ExplicitVRLittleEndian: "Explicit VR Little Endian",
    JPEG_LS: "JPEG-LS",
    JPEG_2000_REVERSIBLE: "JPEG 2000",
    RLE: "RLE",
    JPEG_BASELINE: "JPEG baseline, with loss",
}


class Associate(Protocol):
    """Opens an association (dimse.requestor.Requestor.associate)."""

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> RequestedAssociation:
        """Raises NetworkError."""


# Stores the test image and proves it: the steps `store` and `commitment` or `verification`.
RoundTrip = Callable[[Requirements], Iterable[Step]]


class PeerCheck:
    """Checks peers. now: the day of the worklist query."""

    def __init__(
        self,
        *,
        associate: Associate,
        us: CallBackAddress,
        round_trip: RoundTrip,
        now: Callable[[], datetime],
    ) -> None:
        self._associate = associate
        self._us = us
        self._round_trip = round_trip
        self._now = now

    def run(
        self, needs: Requirements, *, told: Callable[[PeerOutcome], None] = lambda outcome: None
    ) -> PeerOutcome:
        """Every step of one peer; does not raise.

        told: called after each step, with what is known then and what is still to be tried.
        """
        planned = planned_outcome(needs)
        steps: list[Step] = []
        for step in self._steps(needs) if needs.is_called else ():
            steps.append(step)
            done = {each.name for each in steps}
            rest = [each for each in planned.steps if each.name not in done]
            told(replace(planned, steps=(*steps, *rest)))
        return replace(planned, steps=tuple(steps))

    def _steps(self, needs: Requirements) -> Iterator[Step]:
        """The steps, up to the first failure that the later ones depend on."""
        step = timed(lambda: self._tcp(needs.peer))
        yield step
        if step.ok:
            for step in self._greeting(needs.peer):
                yield step
        if not step.ok:
            yield from _not_tried(needs)
            return
        yield timed(lambda: self._contexts(needs))
        if needs.worklist:
            yield timed(lambda: self._worklist(needs))
        if needs.prints:
            yield timed(lambda: self._printer(needs.peer))
        if needs.policy is not None:
            yield from self._round_trip(needs)

    def _tcp(self, peer: Peer) -> Step:
        try:
            socket.create_connection((peer.host, peer.port), timeout=CONNECT_S).close()
        except OSError as error:
            why = said_of(error)
            return failed("tcp", why, remedies.no_connection(peer))
        return Step(name="tcp", ok=True, detail=f"connected to {peer.host}:{peer.port}")

    def _greeting(self, peer: Peer) -> list[Step]:
        """TLS where it is configured, and C-ECHO: one association proves both."""
        began = time.monotonic()
        try:
            with self._associate(peer, (VERIFICATION,)) as association:
                encrypted = _tls_step(peer, began)
                status = association.c_echo()
        except ContextNotAccepted as error:
            detail = str(error)
            return [
                *_tls_step(peer, began),
                failed("echo", detail, remedies.no_service(peer, "C-ECHO")),
            ]
        except NetworkError as error:
            remedy = remedies.no_association(error, peer, self._us)
            return [failed("tls" if _is_tls(error, peer) else "echo", str(error), remedy)]
        if status != SUCCESS:
            remedy = remedies.not_echoed(peer, status)
            return [*encrypted, failed("echo", f"C-ECHO was answered {status:04X}", remedy)]
        echo = Step(name="echo", ok=True, detail=f"{peer.ae_title} answers {self._us.ae_title}")
        return [*encrypted, _since(began, echo)]

    def _contexts(self, needs: Requirements) -> Step:
        """Everything we need of it, proposed at once, a context for each (class, syntax)."""
        wanted = (*needs.storage, *needs.services)
        pairs = [(c.abstract_syntax, t) for c in wanted for t in c.transfer_syntaxes]
        try:
            with self._associate(needs.peer, wanted) as association:
                accepted = association.accepted
        except ContextNotAccepted:
            accepted = frozenset()
        except NetworkError as error:
            remedy = remedies.no_association(error, needs.peer, self._us)
            return failed("contexts", str(error), remedy)
        contexts = tuple(
            {
                "abstract_syntax": uid,
                "transfer_syntax": syntax,
                "accepted": (uid, syntax) in accepted,
            }
            for uid, syntax in pairs
        )
        refused = [c for c in wanted if not any(uid == c.abstract_syntax for uid, _ in accepted)]
        if refused:
            names = ", ".join(_NAMES[context.abstract_syntax] for context in refused)
            remedy = " ".join(self._remedies_of_refused(needs, refused))
            return replace(failed("contexts", f"refused: {names}", remedy), contexts=contexts)
        detail = "; ".join(_accepted_words(context, accepted) for context in wanted)
        return Step(name="contexts", ok=True, detail=detail, contexts=contexts)

    def _remedies_of_refused(
        self, needs: Requirements, refused: Sequence[ProposedContext]
    ) -> list[str]:
        storage = [c for c in refused if c in needs.storage]
        found = []
        if storage:
            names = " and ".join(_NAMES[context.abstract_syntax] for context in storage)
            found.append(remedies.no_storage(needs.peer, names) + ".")
        for context in refused:
            if context in needs.storage:
                continue
            if needs.policy is CommitmentPolicy.REQUIRED and context.scp_role:
                found.append(remedies.no_commitment_service(needs.peer) + ".")
            else:
                name = _NAMES[context.abstract_syntax]
                found.append(remedies.no_service(needs.peer, name) + ".")
        return found

    def _worklist(self, needs: Requirements) -> Step:
        """Query today's worklist; only the number of entries is shown."""
        peer, words = needs.peer, []
        try:
            with self._associate(peer, needs.services) as association:
                for query in needs.worklist:
                    count, status = self._counted(association, query)
                    if status != SUCCESS:
                        detail = f"the query was answered {status:04X}"
                        return failed("worklist", detail, f"The log of {peer.name} says why")
                    station = query.station_ae_title or "every station"
                    entries = "1 entry" if count == 1 else f"{count} entries"
                    words.append(f"{entries} today for {station}, {query.modality}")
        except ContextNotAccepted as error:
            return failed("worklist", str(error), remedies.no_service(peer, "worklist"))
        except NetworkError as error:
            # Seen: Orthanc aborts the query of an AE that it does not know.
            return failed("worklist", str(error), remedies.add_us(peer, self._us))
        return Step(name="worklist", ok=True, detail="; ".join(words))

    def _printer(self, peer: Peer) -> Step:
        """The printer's own state; nothing is printed."""
        try:
            with self._associate(peer, (PRINT,)) as association:
                state = state_of(association)
        except (NetworkError, NotPrinted) as error:
            return failed("printer", str(error), f"The log of {peer.name} says why")
        if not state.prints:
            return failed("printer", f"it says {state}", "Look at the printer")
        return Step(name="printer", ok=True, detail=f"it says {state}")

    def _counted(self, association: RequestedAssociation, query: WorklistQuery) -> tuple[int, int]:
        """(entries, final status). Queries with the keys that every server takes."""
        today = self._now().astimezone().strftime("%Y%m%d")
        of_today = replace(query, first_date=today, last_date=today)
        count, status = 0, PENDING
        for status, _ in association.c_find_worklist(identifier(of_today, OPTIONAL_KEYS)):
            count += kind_of(status) is StatusKind.PENDING
        return count, status


def failed(name: str, detail: str, remedy: str) -> Step:
    """A step that failed."""
    return Step(name=name, ok=False, detail=detail, remedy=remedy)


def timed(step: Callable[[], Step]) -> Step:
    """Run a step; returns it with the time that it took."""
    began = time.monotonic()
    return _since(began, step())


def _since(began: float, step: Step) -> Step:
    return replace(step, milliseconds=round((time.monotonic() - began) * 1000))


def _tls_step(peer: Peer, began: float) -> list[Step]:
    if peer.tls is None:
        return []
    step = Step(name="tls", ok=True, detail="encrypted, certificates accepted by both")
    return [_since(began, step)]


def _is_tls(error: NetworkError, peer: Peer) -> bool:
    """TCP worked a moment ago, so an unreachable peer means that TLS failed."""
    return peer.tls is not None and isinstance(error, PeerUnreachable)


def planned_outcome(needs: Requirements) -> PeerOutcome:
    """A peer before its check: each step that may come, none of them tried."""
    peer = needs.peer
    greeting = ("tcp", "echo") if peer.tls is None else ("tcp", "tls", "echo")
    names = [*greeting, *_later(needs)] if needs.is_called else []
    return PeerOutcome(
        peer=peer.name,
        ae_title=peer.ae_title,
        address=f"{peer.host}:{peer.port}",
        purpose=needs.purpose,
        steps=tuple(Step(name=name, ok=None, detail="") for name in names),
    )


def _not_tried(needs: Requirements) -> Iterator[Step]:
    for name in _later(needs):
        yield Step(name=name, ok=None, detail="skipped: fix the step above first")


def _later(needs: Requirements) -> list[str]:
    """The steps that need a peer that answers C-ECHO."""
    names = ["contexts"]
    if needs.worklist:
        names.append("worklist")
    if needs.prints:
        names.append("printer")
    if needs.policy is not None:
        names.append("store")
    if needs.policy is CommitmentPolicy.REQUIRED:
        names.append("commitment")
    if needs.policy is CommitmentPolicy.VERIFY:
        names.append("verification")
    return names


def _accepted_words(context: ProposedContext, accepted: frozenset[tuple[str, str]]) -> str:
    syntaxes = [
        _NAMES[t] for t in context.transfer_syntaxes if (context.abstract_syntax, t) in accepted
    ]
    return f"{_NAMES[context.abstract_syntax]} in {', '.join(syntaxes)}"

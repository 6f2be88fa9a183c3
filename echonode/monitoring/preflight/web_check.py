"""Checks a DICOMweb server step by step: connection, TLS, access, STOW-RS and QIDO-RS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.delivery.status_table import StatusTable, Treatment
from echonode.delivery.stow.verdicts import verdict_of
from echonode.delivery.stow.web_association import WebAssociation
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import StoreResponse
from echonode.errors import AssociationRejected, NetworkError
from echonode.model import remedies
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy, Peer
from echonode.model.status import SUCCESS
from echonode.monitoring.preflight.outcome import PeerOutcome, Step
from echonode.monitoring.preflight.peer_check import failed, timed
from echonode.monitoring.preflight.requirements import Requirements
from echonode.monitoring.preflight.test_image import file_of
from echonode.objects.ultrasound import UltrasoundObject

# Archives index soon after they have answered.
FOUND_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.5
_TABLE = StatusTable()
_STORED = (Treatment.STORED, Treatment.PERHAPS_STORED)

Associate = Callable[[Peer, Sequence[ProposedContext]], WebAssociation]


class WebCheck:
    """Stores `image` at a server and finds it again."""

    def __init__(
        self,
        *,
        image: UltrasoundObject,
        associate: Associate,
        found_within_s: float = FOUND_WITHIN_S,
    ) -> None:
        """associate: WebRequestor.associate. found_within_s: what the server may take to index."""
        self._image, self._associate = image, associate
        self._found_within_s = found_within_s

    def run(
        self, needs: Requirements, *, told: Callable[[PeerOutcome], None] = lambda outcome: None
    ) -> PeerOutcome:
        """Every step; does not raise. told: as of PeerCheck.run."""
        planned = planned_web_outcome(needs)
        steps: list[Step] = []
        for step in self._steps(needs):
            steps.append(step)
            told(replace(planned, steps=(*steps, *planned.steps[len(steps) :])))
        not_tried = planned.steps[len(steps) :]
        skipped = "skipped: fix the step above first"
        steps.extend(replace(step, detail=skipped) for step in not_tried)
        outcome = replace(planned, steps=tuple(steps))
        told(outcome)
        return outcome

    def _steps(self, needs: Requirements) -> Iterator[Step]:
        """The steps, up to the first that failed."""
        peer = needs.peer
        began = time.monotonic()
        try:
            association = self._associate(peer, needs.storage)
        except AssociationRejected as error:  # a file of ours
            yield failed("tcp", str(error), "Give the node a file that holds it, and start again")
            return
        except NetworkError as error:
            is_tls = str(error).startswith("TLS")
            if is_tls:
                yield _connected(peer, began)
            remedy = remedies.no_web_tls(peer) if is_tls else remedies.no_web_connection(peer)
            yield failed("tls" if is_tls else "tcp", str(error), remedy)
            return
        with association:
            yield _connected(peer, began)
            if peer.web is not None and peer.web.is_encrypted:
                yield Step(name="tls", ok=True, detail="encrypted, its certificate is accepted")
            checks = {"authorised": self._authorised, "store": self._store}
            if needs.policy is CommitmentPolicy.VERIFY:
                checks["verification"] = self._verify
            for name, check in checks.items():
                step = timed(partial(_tried, name, peer, partial(check, association, peer)))
                yield step
                if not step.ok:
                    return

    def _authorised(self, association: WebAssociation, peer: Peer) -> Step:
        status = association.c_echo()
        if status != SUCCESS:
            return failed(
                "authorised", "a query was answered with an error", f"Read the log of {peer.name}"
            )
        return Step(name="authorised", ok=True, detail="it lets us in")

    def _store(self, association: WebAssociation, peer: Peer) -> Step:
        with file_of(self._image, ExplicitVRLittleEndian) as file:
            response = association.c_store(file)
        if response.names_another:
            detail = "STOW-RS was answered for another SOP Instance UID than was sent"
            return failed("store", detail, f"{peer.name} breaks PS3.18 10.5.3: ask its maker")
        treatment, words = _outcome(response)
        if treatment not in _STORED:
            remedy = f"The log of {peer.name} says why; its administrator must permit us to store"
            return failed("store", words, remedy)
        return Step(name="store", ok=True, detail=f"test image stored: {words}")

    def _verify(self, association: WebAssociation, peer: Peer) -> Step:
        wanted = Dataset()
        wanted.StudyInstanceUID = self._image.study_instance_uid
        wanted.SeriesInstanceUID = self._image.series_instance_uid
        wanted.SOPInstanceUID = self._image.sop_instance_uid
        until = time.monotonic() + self._found_within_s
        while True:
            answers = list(association.c_find(Root.STUDY, wanted))
            if any(answer is not None for _, answer in answers):
                return Step(name="verification", ok=True, detail="test image found by QIDO-RS")
            if time.monotonic() >= until:
                break
            time.sleep(_LOOK_EVERY_S)
        return failed(
            "verification",
            "the test image was stored and QIDO-RS does not find it",
            f"Does {peer.name} answer QIDO-RS for instances, and index at once?",
        )


def planned_web_outcome(needs: Requirements) -> PeerOutcome:
    """A server before its check: each step that may come, none of them tried."""
    peer = needs.peer
    names = ["tcp", "tls", "authorised", "store", "verification"]
    if peer.web is None or not peer.web.is_encrypted:
        names.remove("tls")
    if needs.policy is not CommitmentPolicy.VERIFY:
        names.remove("verification")
    return PeerOutcome(
        peer=peer.name,
        ae_title=peer.ae_title,
        address=f"{peer.host}:{peer.port}",
        purpose=f"{needs.purpose}, by DICOMweb",
        steps=tuple(Step(name=name, ok=None, detail="") for name in names),
    )


def _connected(peer: Peer, began: float) -> Step:
    step = Step(name="tcp", ok=True, detail=f"connected to {peer.host}:{peer.port}")
    return replace(step, milliseconds=round((time.monotonic() - began) * 1000))


def _tried(name: str, peer: Peer, check: Callable[[], Step]) -> Step:
    try:
        return check()
    except AssociationRejected as error:
        return failed(name, str(error), remedies.not_let_in(peer))
    except NetworkError as error:
        return failed(name, str(error), f"The log of {peer.name} says more")


def _outcome(response: StoreResponse) -> tuple[Treatment, str]:
    if response.http_status is not None:
        verdict = verdict_of(response.http_status)
        return verdict.treatment, verdict.meaning
    verdict = _TABLE.verdict(response.status)
    return verdict.treatment, f"status {response.status:04X}, {verdict.meaning}"

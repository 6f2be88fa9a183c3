"""The round trip: the test image is stored, and the archive's commitment report comes back.

Rules
- The archive's report counts on any association: on the requesting one, which stays open for
  SAME_ASSOCIATION_S, or on one that the archive opens to us.
- The image is sent in the encoding that delivery would use; a lossy copy is proved as a lossy copy.
- Policy `verify`: a C-FIND instead of a report. Policy `none`: the image is stored, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from pydicom.dataset import Dataset

from echonode.dimse.requested_association import RequestedAssociation
from echonode.dimse.services import Part10File
from echonode.errors import AssociationLost, ContextNotAccepted, DimseFailure, NetworkError
from echonode.model import remedies
from echonode.model.commitment import CommitmentRequest, ReferencedInstance
from echonode.model.criteria import Root
from echonode.model.identity import CallBackAddress, CommitmentPolicy, Peer
from echonode.model.status import DUPLICATE_SOP_INSTANCE, STORAGE, SUCCESS, StatusKind
from echonode.monitoring.preflight.outcome import Step
from echonode.monitoring.preflight.peer_check import Associate, failed, timed
from echonode.monitoring.preflight.pending_reports import PendingReport, PendingReports
from echonode.monitoring.preflight.requirements import Requirements
from echonode.monitoring.preflight.test_image import file_of
from echonode.objects.ultrasound import UltrasoundObject

# Long enough for an archive that reports only on the association that asked; most open their own.
SAME_ASSOCIATION_S = 3.0
REPORT_S = 30.0
_STORED = frozenset(
    {
        SUCCESS,
        *(row.code for row in STORAGE if row.kind is StatusKind.WARNING),
        DUPLICATE_SOP_INSTANCE,
    }
)


class RoundTrip:
    """Stores `image` and proves it, one peer after the other."""

    def __init__(
        self,
        *,
        image: UltrasoundObject,
        associate: Associate,
        awaited: PendingReports,
        us: CallBackAddress,
        new_transaction_uid: Callable[[], str],
        report_s: float = REPORT_S,
    ) -> None:
        self._image = image
        self._associate = associate
        self._awaited = awaited
        self._us = us
        self._new_transaction_uid = new_transaction_uid
        self._report_s = report_s

    def __call__(self, needs: Requirements) -> Iterator[Step]:
        """The steps `store` and `commitment` or `verification`, each as it ends; does not raise."""
        peer = needs.peer
        try:
            with self._associate(peer, (*needs.storage, *needs.services)) as association:
                with self._file(association, needs) as file:
                    stored = timed(lambda: self._store(association, peer, file))
                    sent = ReferencedInstance(
                        sop_class_uid=file.sop_class_uid, sop_instance_uid=file.sop_instance_uid
                    )
                yield stored
                if stored.ok and needs.policy is CommitmentPolicy.VERIFY:
                    yield timed(lambda: self._verify(association, peer, sent))
                if stored.ok and needs.policy is CommitmentPolicy.REQUIRED:
                    yield timed(lambda: self._commit(association, peer, sent))
        except ContextNotAccepted as error:
            yield failed("store", str(error), "See the step `contexts`")
        except NetworkError as error:
            yield failed("store", str(error), f"The log of {needs.peer.name} says more")

    def _file(
        self, association: RequestedAssociation, needs: Requirements
    ) -> AbstractContextManager[Part10File]:
        """The image as delivery would send it there. Raises ContextNotAccepted."""
        sop_class_uid = self._image.sop_class_uid
        for syntax in needs.syntaxes:
            if association.accepts(sop_class_uid, syntax):
                return file_of(self._image, syntax, quality=needs.lossy_quality)
        raise ContextNotAccepted("no context for US Image")

    def _store(self, association: RequestedAssociation, peer: Peer, file: Part10File) -> Step:
        """Raises AssociationLost."""
        response = association.c_store(file)
        status = response.status
        if response.names_another:
            detail = "C-STORE was answered for another SOP Instance UID than was sent"
            return failed("store", detail, f"{peer.ae_title} breaks PS3.7 9.1.1: ask its maker")
        if status not in _STORED:
            remedy = remedies.not_stored(peer, status)
            return failed("store", f"C-STORE was answered {status:04X}", remedy)
        return Step(name="store", ok=True, detail=f"test image stored, status {status:04X}")

    def _verify(
        self, association: RequestedAssociation, peer: Peer, sent: ReferencedInstance
    ) -> Step:
        """Raises AssociationLost."""
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "IMAGE"
        identifier.StudyInstanceUID = self._image.study_instance_uid
        identifier.SeriesInstanceUID = self._image.series_instance_uid
        identifier.SOPInstanceUID = wanted = sent.sop_instance_uid
        try:
            answers = list(association.c_find(Root.STUDY, identifier))
        except (ContextNotAccepted, DimseFailure) as error:
            return failed(
                "verification", str(error), remedies.no_service(peer, "IMAGE-level query")
            )
        if any(
            answer is not None and answer.get("SOPInstanceUID") == wanted for _, answer in answers
        ):
            return Step(name="verification", ok=True, detail="test image found by C-FIND")
        status = answers[-1][0] if answers else 0
        return failed(
            "verification",
            f"the test image was stored and is not found (status {status:04X})",
            f"Does {peer.ae_title} answer queries at IMAGE level, and index at once?",
        )

    def _commit(
        self, association: RequestedAssociation, peer: Peer, sent: ReferencedInstance
    ) -> Step:
        request = CommitmentRequest(transaction_uid=self._new_transaction_uid(), instances=(sent,))
        # Before the request is sent: the report may arrive before the answer.
        awaited = self._awaited.expect(request.transaction_uid, peer)
        try:
            return self._requested(association, peer, request, awaited)
        finally:
            self._awaited.forget(request.transaction_uid)

    def _requested(
        self,
        association: RequestedAssociation,
        peer: Peer,
        request: CommitmentRequest,
        awaited: PendingReport,
    ) -> Step:
        try:
            status = association.request_commitment(request)
        except ContextNotAccepted as error:
            return failed("commitment", str(error), remedies.no_commitment_service(peer))
        except AssociationLost as error:
            # Seen: an archive that does not know the caller breaks the association off.
            return failed("commitment", str(error), remedies.add_us(peer, self._us))
        if status != SUCCESS:
            detail = f"the request was answered {status:04X}"
            return failed("commitment", detail, remedies.commitment_refused(peer, self._us, status))
        if not awaited.came.wait(min(SAME_ASSOCIATION_S, self._report_s)):
            association.release()
            awaited.came.wait(max(0.0, self._report_s - SAME_ASSOCIATION_S))
        return self._reported(peer, request.instances, awaited)

    def _reported(
        self, peer: Peer, instances: Sequence[ReferencedInstance], awaited: PendingReport
    ) -> Step:
        report = awaited.report
        if report is None and awaited.from_another:
            remedy = remedies.report_from_another(peer, awaited.from_another)
            return failed("commitment", "the report came from another AE", remedy)
        if report is None:
            remedy = remedies.no_report(peer, self._us, self._report_s)
            return failed("commitment", "the request was taken, and no report came", remedy)
        if set(instances) <= set(report.committed):
            return Step(
                name="commitment", ok=True, detail="committed to keep it; the report reached us"
            )
        reason = next(iter(report.failed.values()), 0)
        detail = "the report reached us and does not commit"
        return failed("commitment", detail, remedies.not_committed(peer, reason))

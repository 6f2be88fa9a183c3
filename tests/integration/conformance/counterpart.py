"""Everything that a node talks to, on stock pynetdicom: archives, a RIS, and a list of what came.

One listener with every AE title; what is answered depends on the title that is called:
`S_xxxx` answers C-STORE with that status, `R_xxxx` reports every commitment as failed with that
Failure Reason, any other title stores and commits.
"""

from __future__ import annotations

import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.presentation import build_role
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from echonode.model.exam_document import DOCUMENT_CLASSES
from echonode.model.status import SUCCESS
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

_CREATED = (
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)
_WELL_KNOWN = UID("1.2.840.10008.1.20.1.1")


class Counterpart:
    """port, tls_port: where it listens, in clear and by TLS. node_port: where commitments are
    reported to. items: the worklist. connections: (called AE title, class) -> how it was called:
    the protocol version, '' in clear, and whether the caller showed a certificate.
    """

    def __init__(self, node_port: int, tls: ssl.SSLContext) -> None:
        self.port, self.tls_port, self._tls = free_port(), free_port(), tls
        self._node_port = node_port
        self.connections: defaultdict[tuple[str, str], set[tuple[str, bool]]] = defaultdict(set)
        self.items: list[Dataset] = []
        self.stored: list[tuple[str, Dataset]] = []
        self.queries: list[Dataset] = []
        self.steps: list[tuple[str, Dataset]] = []
        self.operations: set[tuple[str, str]] = set()  # (DIMSE service, called AE title)
        self.proposed: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
        self._reporting: list[threading.Thread] = []

    def __enter__(self) -> Self:
        ae = AE()
        ae.maximum_associations = 400
        for created in _CREATED:  # no more: each association would be compared with all of them
            ae.add_supported_context(created, ALL_TRANSFER_SYNTAXES)
        for uid in (
            *DOCUMENT_CLASSES.values(),
            Verification,
            StudyRootQueryRetrieveInformationModelFind,
            ModalityWorklistInformationFind,
            ModalityPerformedProcedureStep,
        ):
            ae.add_supported_context(uid)
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_N_EVENT_REPORT, self._event),
            (evt.EVT_N_CREATE, self._create),
            (evt.EVT_N_SET, self._set),
        ]
        self._servers = [
            ae.start_server(
                (LOOPBACK, port), block=False, evt_handlers=handlers, ssl_context=context
            )
            for port, context in ((self.port, None), (self.tls_port, self._tls))
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._reporting:
            thread.join(10)
        for server in self._servers:
            assert server is not None
            server.shutdown()

    # --- what came ---

    def came(self, operation: str, title: str) -> None:
        """Wait until the node asked for it under this AE title. Raises TimeoutError."""
        wait_until(
            lambda: (operation, title) in self.operations,
            timeout_s=40,
            what=f"{operation} to {title}",
        )

    def received(self, title: str, sop_instance_uid: str) -> Dataset:
        """The instance as it came. Raises TimeoutError."""

        def found() -> list[Dataset]:
            return [
                dataset
                for called, dataset in list(self.stored)
                if called == title and dataset.SOPInstanceUID == sop_instance_uid
            ]

        wait_until(lambda: bool(found()), timeout_s=40, what=f"{sop_instance_uid} at {title}")
        return found()[0]

    # --- what it answers ---

    def _note(self, operation: str, event: Any) -> str:
        title = str(event.assoc.requestor.primitive.called_ae_title).strip()
        self.operations.add((operation, title))
        return title

    def _requested(self, event: Any) -> None:
        primitive = event.assoc.requestor.primitive
        contexts = primitive.presentation_context_definition_list
        title = str(primitive.called_ae_title).strip()
        of_title, how = self.proposed[title], _connection(event.assoc.dul.socket.socket)
        for context in contexts:
            self.connections[title, str(context.abstract_syntax)].add(how)
            syntaxes = of_title.setdefault(str(context.abstract_syntax), [])
            syntaxes += [str(each) for each in context.transfer_syntax if str(each) not in syntaxes]

    def _echo(self, event: Any) -> int:
        self._note("C-ECHO", event)
        return SUCCESS

    def _store(self, event: Any) -> int:
        title = self._note("C-STORE", event)
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        self.stored.append((title, dataset))
        return int(title[2:], 16) if title.startswith("S_") else SUCCESS

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        self._note("C-FIND", event)
        if event.request.AffectedSOPClassUID == ModalityWorklistInformationFind:
            self.queries.append(event.identifier)
            for item in self.items:
                yield 0xFF00, item
            return
        answer = Dataset()
        for keyword in ("QueryRetrieveLevel", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(answer, keyword, event.identifier.get(keyword, ""))
        for uid in str(event.identifier.get("SOPInstanceUID", "")).split("\\"):
            answer.SOPInstanceUID = uid
            yield 0xFF00, answer

    def _action(self, event: Any) -> tuple[int, None]:
        title = self._note("N-ACTION", event)
        thread = threading.Thread(target=self._report, args=(title, event.action_information))
        self._reporting.append(thread)
        thread.start()
        return SUCCESS, None

    def _report(self, title: str, asked: Dataset) -> None:
        """The report, on an association of its own."""
        information = Dataset()
        information.TransactionUID = asked.TransactionUID
        if title.startswith("R_"):
            for item in asked.ReferencedSOPSequence:
                item.FailureReason = int(title[2:], 16)
            information.FailedSOPSequence = asked.ReferencedSOPSequence
        else:
            information.ReferencedSOPSequence = asked.ReferencedSOPSequence
        ae = AE(ae_title=title)
        ae.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scu_role=False, scp_role=True)
        with suppress(Exception):  # the node is stopped while a report is on its way
            association = ae.associate(
                LOOPBACK, self._node_port, ae_title="ECHONODE", ext_neg=[role]
            )
            association.send_n_event_report(
                information,
                2 if title.startswith("R_") else 1,
                StorageCommitmentPushModel,
                _WELL_KNOWN,
            )
            association.release()

    def _event(self, event: Any) -> tuple[int, None]:
        self._note("N-EVENT-REPORT", event)
        return SUCCESS, None

    def _create(self, event: Any) -> tuple[int, Dataset]:
        self._note("N-CREATE", event)
        self.steps.append(("create", event.attribute_list))
        return SUCCESS, event.attribute_list

    def _set(self, event: Any) -> tuple[int, Dataset]:
        self._note("N-SET", event)
        self.steps.append(("set", event.modification_list))
        return SUCCESS, event.modification_list


def _connection(sock: Any) -> tuple[str, bool]:
    """The TLS version, '' in clear, and whether the caller showed a certificate."""
    if not isinstance(sock, ssl.SSLSocket):
        return "", False
    return sock.version() or "", sock.getpeercert(binary_form=True) is not None

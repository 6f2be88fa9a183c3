"""The demo's viewer: asks by C-FIND, fetches by C-MOVE, and keeps only the hash of what it gets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Never, Self

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.contexts import FIND_CLASSES, MOVE_CLASSES, ProposedContext
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import IncomingFile, IncomingHead, Services, StoreRequest
from echonode.errors import DimseFailure, NetworkError
from echonode.model.criteria import Level, Root
from echonode.model.identity import Peer, Service
from echonode.model.status import SOP_CLASS_NOT_SUPPORTED, SUCCESS, StatusKind, kind_of
from echonode.store.values import LedgerRow

_AE_TITLE, _LOOPBACK = "VIEWER", "127.0.0.1"


class _Hash:
    """An IncomingFile that keeps nothing but the SHA-256 of the dataset."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._digest.update(data)

    def discard(self) -> None:
        """Nothing was kept."""

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class Viewer:
    """A query and retrieve SCU with a storage SCP. peers: AE title -> port, on loopback."""

    def __init__(self, *, peers: Mapping[str, int]) -> None:
        self._peers = {
            ae_title: Peer(
                name=ae_title.lower(),
                ae_title=ae_title,
                host=_LOOPBACK,
                port=port,
                may=frozenset({Service.STORE}),
            )
            for ae_title, port in peers.items()
        }
        self._received: dict[str, str] = {}
        self._requestor = Requestor(ae_title=_AE_TITLE)
        self._acceptor = Acceptor(
            ae_title=_AE_TITLE,
            listeners=[ListenerAddress(host=_LOOPBACK, port=0)],
            peers=list(self._peers.values()),
            services=_storage_only(self._open_incoming, self._store),
        )

    @property
    def port(self) -> int:
        """Where C-MOVE sends to."""
        return self._acceptor.addresses[0][1]

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._acceptor.stop(5.0)

    def finds(self, ae_title: str, row: LedgerRow) -> bool:
        """Whether that node answers an IMAGE-level query with exactly this instance."""
        context = ProposedContext(
            abstract_syntax=FIND_CLASSES[Root.STUDY], transfer_syntaxes=(ExplicitVRLittleEndian,)
        )
        try:
            with self._requestor.associate(self._peers[ae_title], [context]) as association:
                answers = list(association.c_find(Root.STUDY, _identifier(row)))
        except NetworkError:
            return False
        found = [
            answer for status, answer in answers if kind_of(status) is StatusKind.PENDING and answer
        ]
        return [answer.SOPInstanceUID for answer in found] == [row.sop_instance_uid]

    def fetches(self, ae_title: str, row: LedgerRow) -> str | None:
        """The SHA-256 of the dataset that node sends by C-MOVE; None when none came."""
        context = ProposedContext(
            abstract_syntax=MOVE_CLASSES[Root.STUDY], transfer_syntaxes=(ExplicitVRLittleEndian,)
        )
        try:
            with self._requestor.associate(self._peers[ae_title], [context]) as association:
                for _ in association.c_move(Root.STUDY, _identifier(row), _AE_TITLE):
                    pass
        except NetworkError:
            return None
        return self._received.pop(row.sop_instance_uid, None)

    def _open_incoming(self, _head: IncomingHead) -> IncomingFile:
        return _Hash()

    def _store(self, request: StoreRequest) -> int:
        assert isinstance(request.incoming, _Hash)
        self._received[request.head.sop_instance_uid] = request.incoming.hexdigest()
        return SUCCESS


def _identifier(row: LedgerRow) -> Dataset:
    """Unique keys from the study down; the series is left open (relational keys are not needed)."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = Level.IMAGE
    identifier.StudyInstanceUID = row.study_instance_uid
    identifier.SOPInstanceUID = row.sop_instance_uid
    return identifier


def _refuse(*_: object) -> Never:
    raise DimseFailure(SOP_CLASS_NOT_SUPPORTED, "a viewer only receives")


def _storage_only(
    open_incoming: Callable[[IncomingHead], IncomingFile], store: Callable[[StoreRequest], int]
) -> Services:
    return Services(
        open_incoming=open_incoming,
        store=store,
        find=_refuse,
        move=_refuse,
        get=_refuse,
        commit_request=_refuse,
        commit_report=_refuse,
    )

"""A DICOMweb server in the place of an association: a kept-alive connection with its requests.

Rules
- STOW-RS negotiates no presentation contexts, so all that are proposed count as accepted. An
  archive that does not take a transfer syntax says so of the instance (0122, 415), and the next
  encoding is tried.
- An instance is looked for by QIDO-RS (PS3.18 10.6), and by its metadata (10.4.1.1.2) at an archive
  that has no QIDO-RS.
- Who is not let in (401, 403), or not for now (429, 503), is rejected as by A-ASSOCIATE-RJ: the
  destination is paused, and no instance is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self
from urllib.parse import urlencode

from pydicom.dataset import Dataset

from echonode.delivery.stow.answers import names_instance, store_response
from echonode.delivery.stow.connection import Answer, HttpConnection
from echonode.delivery.stow.file_body import FileBody
from echonode.delivery.stow.verdicts import verdict_of, wait_of
from echonode.dimse.services import Part10File, StoreResponse
from echonode.errors import AssociationRejected, ContextNotAccepted
from echonode.model.commitment import CommitmentRequest
from echonode.model.criteria import Root
from echonode.model.identity import derive_uid
from echonode.model.status import PENDING, PROCESSING_FAILURE, SUCCESS

_JSON = "application/dicom+json"
_UNTIL_ADMITTED = frozenset({401, 403})
_FOR_NOW = frozenset({429, 502, 503, 504})
_NO_QIDO = frozenset({400, 405, 406, 501})
_NO_STUDY = derive_uid("no study has this UID")


class WebAssociation:
    """An open connection with a DICOMweb server; a StorageAssociation (delivery/ports.py)."""

    def __init__(
        self,
        connection: HttpConnection,
        *,
        path: str,
        authorization: str,
        accepted: frozenset[tuple[str, str]],
        on_sent: Callable[[Part10File, StoreResponse], None] = lambda file, response: None,
    ) -> None:
        """path: of the base URL. authorization: the value of that header; '' for none. on_sent:
        called with each instance that was sent.
        """
        self._on_sent = on_sent
        self._connection = connection
        self._path = path
        self._headers = {"Accept": _JSON, "User-Agent": "EchoNode"}
        if authorization:
            self._headers["Authorization"] = authorization
        self.accepted = accepted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def is_open(self) -> bool:
        return self._connection.is_open

    @property
    def was_broken(self) -> bool:
        # A server that closes an idle connection ends it in order (RFC 9112 9.5).
        return False

    def c_echo(self) -> int:
        """A query that finds nothing: whether we are let in. Raises as `c_find` does."""
        answer = self._get("studies", {"StudyInstanceUID": _NO_STUDY, "limit": "1"})
        self._admitted(answer)
        if answer.status in (404, 410) or 300 <= answer.status < 400:
            raise _rejected(f"HTTP {answer.status}: there is no QIDO-RS at this address")
        return SUCCESS if answer.status < 500 else PROCESSING_FAILURE

    def c_store(self, file: Part10File) -> StoreResponse:
        """STOW-RS of one instance. Raises AssociationLost; Damaged and OSError of the file."""
        body = FileBody(file)
        headers = {
            **self._headers,
            "Content-Type": body.content_type,
            "Content-Length": str(body.length),
        }
        target = f"{self._path}/studies"
        answer = self._request("POST", target, headers, body.pieces())
        response = store_response(
            answer.status, answer.body, file.sop_instance_uid, wait_s=_wait_s(answer)
        )
        self._on_sent(file, response)
        return response

    def c_find(self, root: Root, identifier: Dataset) -> Iterator[tuple[int, Dataset | None]]:
        """QIDO-RS for the instance that `identifier` names with all UIDs above it.

        Raises AssociationLost, and AssociationRejected where we are not let in.
        """
        study, series = identifier.StudyInstanceUID, identifier.SeriesInstanceUID
        uid = str(identifier.SOPInstanceUID)
        level = f"studies/{study}/series/{series}/instances"
        answer = self._get(level, {"SOPInstanceUID": uid})
        if answer.status in _NO_QIDO:
            answer = self._get(f"{level}/{uid}/metadata", {})
        self._admitted(answer)
        found = names_instance(answer.body, uid) if answer.status in (200, 204) else None
        if found:
            held = Dataset()
            held.SOPInstanceUID = uid
            yield PENDING, held
        # 404: the archive has no such study (PS3.18 10.6.3).
        is_known = found is not None or answer.status == 404
        yield (SUCCESS if is_known else PROCESSING_FAILURE), None

    def request_commitment(self, request: CommitmentRequest) -> int:
        """DICOMweb has no storage commitment that archives serve; the configuration refuses it."""
        raise ContextNotAccepted("DICOMweb has no storage commitment")

    def release(self, patience_s: float | None = None) -> None:
        self._connection.close()

    def abort(self) -> None:
        self._connection.break_off()

    def break_off(self) -> None:
        self._connection.break_off()

    def hang_up(self) -> None:
        self._connection.break_off()

    def _get(self, resource: str, query: Mapping[str, str]) -> Answer:
        target = f"{self._path}/{resource}" + (f"?{urlencode(query)}" if query else "")
        return self._request("GET", target, self._headers)

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: Iterable[bytes] = ()
    ) -> Answer:
        answer = self._connection.request(method, target, headers, body)
        if answer.status in _UNTIL_ADMITTED:
            self._connection.close()  # the next one reads the token again
        return answer

    def _admitted(self, answer: Answer) -> None:
        """Raises AssociationRejected where the archive does not let us in."""
        if answer.status in _UNTIL_ADMITTED:
            raise _rejected(verdict_of(answer.status).meaning)
        if answer.status in _FOR_NOW:
            raise AssociationRejected(
                verdict_of(answer.status).meaning,
                result=2,
                source=1,
                reason=1,
                wait_s=_wait_s(answer),
            )


def _wait_s(answer: Answer) -> float:
    return wait_of(answer.retry_after, answer.date)


def _rejected(problem: str) -> AssociationRejected:
    return AssociationRejected(problem, result=1, source=1, reason=1)

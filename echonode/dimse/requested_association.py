"""An association that we opened, and the requests that we send on it as SCU (PS3.7)."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import cast

from pydicom.dataset import Dataset

from echonode.dimse.association import file_stream, normalized
from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.association_request import begin
from echonode.dimse.association.responses import dataset_of, encoded, status_of
from echonode.dimse.contexts import (
    FIND_CLASSES,
    MOVE_CLASSES,
    MPPS_CLASS,
    VERIFICATION_CLASS,
    WORKLIST_CLASS,
)
from echonode.dimse.messages.command_set import (
    HAS_DATASET,
    MEDIUM_PRIORITY,
    CommandField,
    CommandSet,
)
from echonode.dimse.messages.provider import Answers, Message
from echonode.dimse.scp import commitment
from echonode.dimse.services import (
    NormalizedResponse,
    Part10File,
    RequestObserver,
    StoreResponse,
)
from echonode.errors import DimseFailure
from echonode.model.commitment import CommitmentReport, CommitmentRequest
from echonode.model.criteria import Root
from echonode.model.identity import Peer
from echonode.model.status import PENDING, StatusKind, kind_of

# (status, identifier) of each answer; closing it early cancels the query at the peer.
Answered = Generator[tuple[int, Dataset | None], None, None]


class RequestedAssociation:
    """An open association; release it with `with`, `release()` or `abort()`."""

    def __init__(self, assoc: EventAssociation, peer: Peer, observer: RequestObserver) -> None:
        self._assoc = assoc
        self._observer = observer
        self.peer = peer
        # What the peer took: (SOP class, transfer syntax).
        self.accepted: frozenset[tuple[str, str]] = frozenset(
            (str(context.abstract_syntax), str(context.transfer_syntax[0]))
            for context in assoc.accepted_contexts
        )
        begin(assoc, peer)

    def __enter__(self) -> RequestedAssociation:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Release after clean work, abort after an error."""
        if kind is None:
            self.release()
        else:
            self.abort()

    @property
    def is_open(self) -> bool:
        """False as soon as either side has ended it, or we are about to."""
        return self._assoc.is_usable

    @property
    def was_broken(self) -> bool:
        """Whether the peer ended it without a release (A-ABORT, or a closed connection)."""
        return self._assoc.was_ended_by_peer and not self._assoc.is_released

    def accepts(self, sop_class_uid: str, transfer_syntax_uid: str) -> bool:
        """Whether the peer took exactly this pair."""
        return (sop_class_uid, transfer_syntax_uid) in self.accepted

    def c_echo(self) -> int:
        """C-ECHO (PS3.7 9.1.5): the peer's status. Raises ContextNotAccepted, AssociationLost."""
        context_id = self._assoc.exchange.context_id_for(VERIFICATION_CLASS)
        command = CommandSet(
            command_field=CommandField.C_ECHO,
            affected_sop_class_uid=VERIFICATION_CLASS,
            message_id=self._assoc.exchange.next_message_id(),
        )
        answer = self._assoc.exchange.send_request(context_id, command)
        return status_of(answer)

    def c_store(
        self,
        file: Part10File,
        *,
        move_originator_ae_title: str | None = None,
        move_originator_message_id: int | None = None,
        priority: int = MEDIUM_PRIORITY,
    ) -> StoreResponse:
        """C-STORE (PS3.7 9.1.1), the dataset read from its file as it is sent.

        Raises ContextNotAccepted when this pair was not accepted, AssociationLost when no answer
        came (then it may have been stored), and Damaged when the file is not what was stored or
        cannot be read; when that is found half-way, the association is not open any more.
        """
        response = file_stream.store(
            self._assoc,
            file,
            priority=priority,
            move_originator_ae_title=move_originator_ae_title,
            move_originator_message_id=move_originator_message_id,
        )
        self._observer.sent(self.peer, file, response)
        return response

    def c_find(self, root: Root, identifier: Dataset) -> Answered:
        """C-FIND (PS3.7 9.1.2): (status, identifier) of each answer, the final one last.

        Closing the iterator early cancels the query at the peer. Raises ContextNotAccepted,
        AssociationLost, and DimseFailure where an answer cannot be parsed.
        """
        return self._query(CommandField.C_FIND, FIND_CLASSES[root], identifier)

    def c_find_worklist(self, identifier: Dataset) -> Answered:
        """C-FIND of the modality worklist (PS3.4 K.4.1): as `c_find`, but for bad answers.

        An answer that cannot be parsed comes as (its status, None): the others still count.
        """
        return self._query(CommandField.C_FIND, WORKLIST_CLASS, identifier, tolerant=True)

    def c_move(self, root: Root, identifier: Dataset, move_destination: str) -> Answered:
        """C-MOVE (PS3.7 9.1.4) to the AE `move_destination`: each answer, the final one last.

        Closing the iterator early cancels. Raises ContextNotAccepted, AssociationLost.
        """
        return self._query(
            CommandField.C_MOVE, MOVE_CLASSES[root], identifier, move_destination=move_destination
        )

    def _query(
        self,
        field: CommandField,
        sop_class_uid: str,
        identifier: Dataset,
        *,
        move_destination: str | None = None,
        tolerant: bool = False,
    ) -> Answered:
        context_id = self._assoc.exchange.context_id_for(sop_class_uid)
        data = encoded(self._assoc, context_id, identifier)
        syntax = str(self._assoc.accepted_by_id[context_id].transfer_syntax[0])
        self._observer.asked(self.peer, sop_class_uid, data, syntax)
        command = CommandSet(
            command_field=field,
            affected_sop_class_uid=sop_class_uid,
            message_id=self._assoc.exchange.next_message_id(),
            priority=MEDIUM_PRIORITY,
            dataset_type=HAS_DATASET,
            move_destination=move_destination,
        )
        return self._answers(context_id, command, data, tolerant=tolerant)

    def _answers(
        self, context_id: int, command: CommandSet, data: bytes, *, tolerant: bool
    ) -> Answered:
        message_id = cast(int, command.message_id)
        answers = self._assoc.exchange.expect(message_id)
        status = PENDING
        try:
            self._assoc.exchange.send(context_id, command, data)
            while kind_of(status) is StatusKind.PENDING:
                answer = self._assoc.exchange.answer(answers)
                status = status_of(answer)
                yield status, self._identifier_of(answer, tolerant=tolerant)
        finally:
            if kind_of(status) is StatusKind.PENDING and self.is_open:
                self._cancel(context_id, message_id, answers)
            self._assoc.exchange.forget(message_id)

    def _identifier_of(self, answer: Message, *, tolerant: bool) -> Dataset | None:
        if answer.dataset is None:
            return None
        try:
            return dataset_of(self._assoc, answer)
        except DimseFailure:
            if tolerant:
                return None
            raise

    def _cancel(self, context_id: int, message_id: int, answers: Answers) -> None:
        """C-CANCEL, then whatever is still on its way, until the final answer."""
        cancel = CommandSet(
            command_field=CommandField.C_CANCEL, message_id_being_responded_to=message_id
        )
        self._assoc.exchange.send(context_id, cancel)
        status = PENDING
        while kind_of(status) is StatusKind.PENDING:
            status = status_of(self._assoc.exchange.answer(answers))

    def request_commitment(self, request: CommitmentRequest) -> int:
        """N-ACTION (PS3.4 J.3.2): the peer's status; 0000 means only that it was received.

        Raises ContextNotAccepted, AssociationLost.
        """
        return commitment.send_request(self._assoc, request)

    def report_commitment(self, report: CommitmentReport) -> int:
        """N-EVENT-REPORT (PS3.4 J.3.3), we being SCP: the peer's status. Raises as above."""
        return commitment.send_report(self._assoc, report)

    def n_create(
        self, sop_class_uid: str, sop_instance_uid: str, attributes: Dataset
    ) -> NormalizedResponse:
        """N-CREATE (PS3.7 10.1.5). Raises ContextNotAccepted, AssociationLost, ValueError."""
        response = normalized.create(self._assoc, sop_class_uid, sop_instance_uid, attributes)
        self._stepped(sop_class_uid, sop_instance_uid, attributes, response, created=True)
        return response

    def n_set(
        self, sop_class_uid: str, sop_instance_uid: str, modifications: Dataset
    ) -> NormalizedResponse:
        """N-SET (PS3.7 10.1.3). Raises as `n_create`."""
        response = normalized.set_attributes(
            self._assoc, sop_class_uid, sop_instance_uid, modifications
        )
        self._stepped(sop_class_uid, sop_instance_uid, modifications, response, created=False)
        return response

    def _stepped(
        self,
        sop_class_uid: str,
        uid: str,
        attributes: Dataset,
        response: NormalizedResponse,
        *,
        created: bool,
    ) -> None:
        if sop_class_uid == MPPS_CLASS:
            self._observer.stepped(
                self.peer, uid, attributes, created=created, status=response.status
            )

    def n_create_in(
        self,
        context: str,
        sop_class_uid: str,
        attributes: Dataset | None = None,
        *,
        sop_instance_uid: str = "",
    ) -> NormalizedResponse:
        """N-CREATE in the context of a meta class (PS3.4 annex H). Raises as `n_create`."""
        return normalized.create_in(
            self._assoc, context, sop_class_uid, attributes, sop_instance_uid=sop_instance_uid
        )

    def n_get_in(self, context: str, instance: tuple[str, str]) -> NormalizedResponse:
        """N-GET of all attributes (PS3.7 10.1.2) of a (class, instance). Raises as `n_create`."""
        return normalized.request_in(self._assoc, context, CommandField.N_GET, instance)

    def n_set_in(
        self, context: str, instance: tuple[str, str], modifications: Dataset
    ) -> NormalizedResponse:
        """N-SET in the context of a meta class. Raises as `n_create`."""
        return normalized.request_in(
            self._assoc, context, CommandField.N_SET, instance, modifications=modifications
        )

    def n_action_in(
        self, context: str, instance: tuple[str, str], action: int
    ) -> NormalizedResponse:
        """N-ACTION (PS3.7 10.1.4) in the context of a meta class. Raises as `n_create`."""
        return normalized.request_in(
            self._assoc, context, CommandField.N_ACTION, instance, action=action
        )

    def release(self, patience_s: float | None = None) -> None:
        """End the association in order; returns when it is over. Does not raise.

        patience_s: how long the peer may take to answer; None: as long as an answer may take.
        """
        self._assoc.request_release()
        self._wait_for_end(self._assoc.limits.acse_s if patience_s is None else patience_s)

    def abort(self) -> None:
        """End the association at once; a call under way on another thread gets AssociationLost."""
        self._assoc.request_abort()
        self._wait_for_end(self._assoc.limits.linger_s)

    def break_off(self) -> None:
        """As `abort`, without waiting for the end."""
        self._assoc.request_abort()

    def hang_up(self) -> None:
        """Close the connection at once, without waiting for the end."""
        self._assoc.hang_up()

    def _wait_for_end(self, patience_s: float) -> None:
        if threading.current_thread() is self._assoc:
            return  # called from within `commit_report`: it ends when that returns
        self._assoc.join(patience_s)
        if self._assoc.is_alive():
            self._assoc.hang_up()
            self._assoc.join(self._assoc.limits.linger_s)

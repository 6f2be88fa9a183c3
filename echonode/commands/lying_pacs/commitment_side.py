"""Storage commitment on one association: N-ACTION answered, N-EVENT-REPORT sent (PS3.4 annex J)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from echonode.commands.lying_pacs import commitment_wire, wire
from echonode.commands.lying_pacs.association_wire import Request
from echonode.commands.lying_pacs.commitment_wire import Report
from echonode.commands.lying_pacs.record import ArchiveRecord
from echonode.commands.lying_pacs.script import Asked, Promise, Way

# On the association that asked; the other ways have associations of their own.
_FIRST = (Way.BEFORE_ANSWER, Way.ANSWERED_FIRST)
_HERE = (*_FIRST, Way.SAME_ASSOCIATION, Way.DURING_RELEASE)


class CommitmentSide:
    """What one association has been asked to commit to, and which reports are out on it."""

    def __init__(
        self,
        archive: ArchiveRecord,
        send: Callable[[bytes], None],
        request: Request,
        syntaxes: Mapping[int, str],
        number: int,
    ) -> None:
        self._archive, self._send, self._request = archive, send, request
        self._syntaxes, self._number = syntaxes, number
        self._message_id = 0
        # Reports that are out and unanswered, by Message ID; and those for the release.
        self._unanswered: dict[int, tuple[Way, Report]] = {}
        self._at_release: list[tuple[Way, Report]] = []
        # What goes out once the reports that are out are answered.
        self._held_back: Callable[[], None] | None = None

    def on_action(self, context_id: int, message_id: int, dataset: bytes) -> None:
        """An N-ACTION-RQ."""
        transaction_uid, items = commitment_wire.read_request(dataset, self._syntaxes[context_id])
        asked, promise = self._archive.was_asked(transaction_uid, items, self._request.calling)
        for way, report in promise.reports:
            if way in _FIRST:
                self._report(way, report)
        if any(way is Way.ANSWERED_FIRST for way, _ in promise.reports):
            self._held_back = partial(self._answer, context_id, message_id, asked, promise)
        else:
            self._answer(context_id, message_id, asked, promise)

    def _answer(self, context_id: int, message_id: int, asked: Asked, promise: Promise) -> None:
        """The answer, and the reports that come after it."""
        self._archive.tell(
            "commitment_asked",
            association=self._number,
            transaction=asked.transaction_uid,
            instances=len(asked.items),
            status=promise.status,
            reports=len(promise.reports),
            delay_s=promise.delay_s,
        )
        if promise.status is not None:
            self._send(
                wire.command_pdu(
                    context_id, commitment_wire.action_response(message_id, promise.status)
                )
            )
        for way, report in promise.reports:
            if way is Way.SAME_ASSOCIATION:
                self._report(way, report)
            elif way is Way.DURING_RELEASE:
                self._at_release.append((way, report))
        apart = [(way, report) for way, report in promise.reports if way not in _HERE]
        self._archive.report_apart(apart, delay_s=promise.delay_s, called=asked.calling_ae_title)

    def on_report_answered(self, message_id: int, status: int) -> None:
        """An N-EVENT-REPORT-RSP."""
        way, report = self._unanswered.pop(message_id)
        self._archive.note_reported(report, way, status)
        if self._held_back is not None and not self._unanswered:
            held_back, self._held_back = self._held_back, None
            held_back()

    def released(self) -> None:
        """The sender wants the association to end: what was kept for that moment goes out."""
        for way, report in self._at_release:
            self._report(way, report)

    def over(self) -> None:
        """The connection has ended: what was reported and not answered is written down so."""
        for way, report in self._unanswered.values():
            self._archive.note_reported(report, way, None)
        self._unanswered.clear()

    def _report(self, way: Way, report: Report) -> None:
        """Send it here; the answer comes when it comes, and during a release none does."""
        context_id = next(
            context.context_id
            for context in self._request.contexts
            if context.abstract_syntax == commitment_wire.COMMITMENT
            and context.context_id in self._syntaxes
        )
        self._message_id += 1
        self._unanswered[self._message_id] = (way, report)
        self._send(
            commitment_wire.report_message(
                report,
                context_id=context_id,
                message_id=self._message_id,
                transfer_syntax_uid=self._syntaxes[context_id],
            )
        )

"""Reports that an archive should not send and some do: what becomes of an honest one.

A change takes what was asked and the reports so far, and gives the reports in their place, so that
changes combine. PS3.4 J.3.3 has the event types and what belongs into each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from echonode.commands.lying_pacs.commitment_wire import ALL_COMMITTED, Item, Report
from echonode.commands.lying_pacs.script import Asked

NO_SUCH_INSTANCE, PROCESSING_FAILURE, CLASS_NOT_SUPPORTED = 0x0112, 0x0110, 0x0122
NO_EVENT_TYPE = 3
# A storage class that ultrasound senders do not use: Multi-frame Grayscale Byte Secondary Capture.
OTHER_CLASS = "1.2.840.10008.5.1.4.1.1.7.2"
_NEVER_SENT = "2.25.88172"  # a UID that no sender has asked about, once a number is behind it

Reports = tuple[Report, ...]
ReportChange = Callable[[Asked, Reports], Reports]


def of_what_is_held(asked: Asked) -> Report:
    """The honest report: a commitment to what the archive has, 0112 for what it has not."""
    return Report(
        transaction_uid=asked.transaction_uid,
        committed=tuple(item for item in asked.items if item.sop_instance_uid in asked.held),
        failed=tuple(
            (item, NO_SUCH_INSTANCE)
            for item in asked.items
            if item.sop_instance_uid not in asked.held
        ),
    )


def _each(change: Callable[[Report], Report]) -> ReportChange:
    return lambda asked, reports: tuple(change(report) for report in reports)


def of_everything(asked: Asked, reports: Reports) -> Reports:
    """A commitment to all that was asked, whether the archive has it or not."""
    return (Report(transaction_uid=asked.transaction_uid, committed=asked.items),)


def failing(reason: int) -> ReportChange:
    """A Failure Reason for all that was asked (PS3.3 C.14)."""
    return lambda asked, reports: (
        Report(
            transaction_uid=asked.transaction_uid,
            failed=tuple((item, reason) for item in asked.items),
        ),
    )


def twice(asked: Asked, reports: Reports) -> Reports:
    """The same report twice."""
    return reports * 2


def partial(asked: Asked, reports: Reports) -> Reports:
    """The last instance is in no list."""
    return _each(lambda report: replace(report, committed=report.committed[:-1]))(asked, reports)


def with_items(others: tuple[Item, ...]) -> ReportChange:
    """Instances of another request come first."""
    return _each(lambda report: replace(report, committed=(*others, *report.committed)))


def with_earlier_items(asked: Asked, reports: Reports) -> Reports:
    """Instances of the request before, or one that was never sent where there is none."""
    invented = Item(sop_class_uid=OTHER_CLASS, sop_instance_uid=_NEVER_SENT + "0")
    return with_items(asked.earlier or (invented,))(asked, reports)


def wrong_uids(asked: Asked, reports: Reports) -> Reports:
    """SOP Instance UIDs that were never sent, in place of those that were asked."""

    def change(report: Report) -> Report:
        items = (
            replace(item, sop_instance_uid=f"{_NEVER_SENT}{number}")
            for number, item in enumerate(report.committed, start=1)
        )
        return replace(report, committed=tuple(items))

    return _each(change)(asked, reports)


def wrong_class(asked: Asked, reports: Reports) -> Reports:
    """Another SOP class for the first instance."""

    def change(report: Report) -> Report:
        items = tuple(replace(item, sop_class_uid=OTHER_CLASS) for item in report.committed[:1])
        return replace(report, committed=(*items, *report.committed[1:]))

    return _each(change)(asked, reports)


def wrong_transaction(asked: Asked, reports: Reports) -> Reports:
    """A Transaction UID that was never sent."""
    return _each(lambda report: replace(report, transaction_uid=_NEVER_SENT + "0"))(asked, reports)


def empty(asked: Asked, reports: Reports) -> Reports:
    """No instance at all."""
    return _each(lambda report: replace(report, committed=(), failed=()))(asked, reports)


def unknown_event(asked: Asked, reports: Reports) -> Reports:
    """Event type 3, which the standard does not have."""
    return _each(lambda report: replace(report, event_type=NO_EVENT_TYPE))(asked, reports)


def in_both_lists(asked: Asked, reports: Reports) -> Reports:
    """The first instance is committed, and it failed."""
    return _each(
        lambda report: replace(
            report, failed=tuple((item, PROCESSING_FAILURE) for item in report.committed[:1])
        )
    )(asked, reports)


def failure_as_success(asked: Asked, reports: Reports) -> Reports:
    """The event type says that all went well, the list says that the first instance failed."""
    return _each(
        lambda report: replace(
            report,
            committed=report.committed[1:],
            failed=tuple((item, PROCESSING_FAILURE) for item in report.committed[:1]),
            event_type=ALL_COMMITTED,
        )
    )(asked, reports)


def in_two_parts(asked: Asked, reports: Reports) -> Reports:
    """The first instance in one report, the others in a second."""
    return tuple(
        replace(report, committed=items, failed=failed)
        for report in reports
        for items, failed in (
            (report.committed[:1], ()),
            (report.committed[1:], report.failed),
        )
    )


def each_item_twice(asked: Asked, reports: Reports) -> Reports:
    """All instances twice in one list."""
    return _each(lambda report: replace(report, committed=report.committed * 2))(asked, reports)


def then_failing(asked: Asked, reports: Reports) -> Reports:
    """First the report, then a second one for the same transaction by which all failed."""
    return (*reports, *failing(PROCESSING_FAILURE)(asked, ()))

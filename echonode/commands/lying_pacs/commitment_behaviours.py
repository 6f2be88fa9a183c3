"""What an archive does to commitment requests and to the queries that verify (PS3.4 J, C.4.1)."""

from __future__ import annotations

from dataclasses import replace

from echonode.commands.lying_pacs import report_changes
from echonode.commands.lying_pacs.behaviour import STATUS, Behaviour, Parameter, Values, simple
from echonode.commands.lying_pacs.conduct import Conduct, always
from echonode.commands.lying_pacs.report_changes import PROCESSING_FAILURE, ReportChange
from echonode.commands.lying_pacs.script import Way


def _report(name: str, sentence: str, change: ReportChange) -> Behaviour:
    return Behaviour(
        name=name,
        service="commitment",
        sentence=sentence,
        change=lambda conduct, values: always(conduct, change),
    )


def _way(name: str, sentence: str, way: Way) -> Behaviour:
    return simple(
        "commitment", name, sentence, lambda conduct, values: replace(conduct, ways=(way,))
    )


def _late(conduct: Conduct, values: Values) -> Conduct:
    """A late report needs an association of its own: the one that asked is over by then."""
    return replace(conduct, delay_s=float(values["seconds"]), ways=(Way.SEPARATE,))


COMMITMENT_BEHAVIOURS = (
    simple(
        "commitment",
        "late-reports",
        "Reports a commitment late, on an association of its own.",
        _late,
        Parameter(name="seconds", sentence="Seconds before the report.", default=3600.0),
    ),
    simple(
        "commitment",
        "never-reports",
        "Accepts commitment requests and never reports.",
        lambda conduct, values: replace(conduct, sends_reports=False),
    ),
    simple(
        "commitment",
        "refuses-requests",
        "Refuses commitment requests with a status.",
        lambda conduct, values: replace(conduct, action_status=int(values["status"])),
        replace(STATUS, default=PROCESSING_FAILURE),
    ),
    simple(
        "commitment",
        "never-answers-requests",
        "Never answers a commitment request.",
        lambda conduct, values: replace(conduct, action_status=None),
    ),
    simple(
        "commitment",
        "fails-all",
        "Reports a failure for each instance that was asked for.",
        lambda conduct, values: always(conduct, report_changes.failing(int(values["reason"]))),
        Parameter(
            name="reason",
            sentence="Failure Reason, hexadecimal.",
            default=report_changes.NO_SUCH_INSTANCE,
            hexadecimal=True,
        ),
    ),
    _report(
        "commits-to-all",
        "Commits to all that was asked for, whether it has it or not.",
        report_changes.of_everything,
    ),
    _report(
        "wrong-uids",
        "Commits to SOP Instance UIDs that were never sent.",
        report_changes.wrong_uids,
    ),
    _report(
        "wrong-class", "Reports another SOP class for an instance.", report_changes.wrong_class
    ),
    _report(
        "wrong-transaction",
        "Reports a Transaction UID that was never sent.",
        report_changes.wrong_transaction,
    ),
    _report(
        "extra-items",
        "Commits to instances of an earlier request as well.",
        report_changes.with_earlier_items,
    ),
    _report("partial-reports", "Leaves one instance out of each report.", report_changes.partial),
    _report("reports-twice", "Sends each report twice.", report_changes.twice),
    _report(
        "reports-in-two-parts",
        "Sends two reports for a request, each about a part of it.",
        report_changes.in_two_parts,
    ),
    _report("empty-reports", "Reports no instance at all.", report_changes.empty),
    _report(
        "items-twice", "Names each instance twice in a report.", report_changes.each_item_twice
    ),
    _report(
        "unknown-event",
        "Reports with event type 3, which does not exist.",
        report_changes.unknown_event,
    ),
    _report(
        "in-both-lists",
        "Reports one instance as committed and as failed.",
        report_changes.in_both_lists,
    ),
    _report(
        "failure-as-success",
        "Reports success (event type 1) with a list of failures.",
        report_changes.failure_as_success,
    ),
    _report(
        "changes-its-mind",
        "Commits to all, then reports that all failed.",
        report_changes.then_failing,
    ),
    _way(
        "reports-before-the-answer",
        "Reports on the association that asked, before it answers the request.",
        Way.BEFORE_ANSWER,
    ),
    _way(
        "waits-for-the-report",
        "Answers the request only after its report is answered.",
        Way.ANSWERED_FIRST,
    ),
    _way(
        "reports-at-the-release",
        "Reports after the release request, before it answers that.",
        Way.DURING_RELEASE,
    ),
    _way("reports-apart", "Reports at once, on an association of its own.", Way.SEPARATE),
    _way(
        "reports-without-a-role",
        "Reports on an association of its own, without role selection.",
        Way.WITHOUT_ROLE,
    ),
    _way(
        "reports-in-implicit",
        "Reports on an association of its own, in Implicit VR Little Endian only.",
        Way.IMPLICIT_ONLY,
    ),
)

QUERY_BEHAVIOURS = (
    simple(
        "query",
        "finds-nothing",
        "Answers no match to each C-FIND.",
        lambda conduct, values: replace(conduct, finds=False),
    ),
    simple(
        "query",
        "finds-all",
        "Answers a match to each C-FIND, whether it has the instance or not.",
        lambda conduct, values: replace(conduct, finds=True),
    ),
    simple(
        "query",
        "fails-queries",
        "Answers each C-FIND with a failure status.",
        lambda conduct, values: replace(conduct, finds=False, find_status=int(values["status"])),
        STATUS,
    ),
)

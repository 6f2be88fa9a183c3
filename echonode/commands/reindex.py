"""`echonode reindex`: the index read again from the files, with the folder's lock held.

What a start repairs is repaired first: a database that is gone or damaged is rebuilt from the files
and the journal next to it, with all that it knew but the last moment's changes; files without a row
are taken in. Then every file is read again, twice: its attributes go into the index, and its bytes
are compared with the hash that was kept when it was stored. What is damaged is marked and reported,
and what is whole again loses its mark. What DICOMweb answers of each is made again. Deliveries and
commitments stay what they are, except deliveries that were held for such damage: they go on.
"""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from echonode.config import Config
from echonode.dicomweb.description import describe
from echonode.maintenance.describing import describe_all
from echonode.node.settings.stores import open_store
from echonode.store.index.refresh import RefreshReport
from echonode.store.statistics import StoreStatistics
from echonode.store.store import Store
from echonode.store.values import RecoveryReport

_COMPARED_AT_ONCE = 50  # rows, between two steps of the progress


def reindex(config: Config) -> bool:
    """Do it, with progress on the terminal; whether every file is there and whole.

    Raises StoreLocked (a node runs here), SchemaTooNew, OutOfSpace.
    """
    console = Console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        # A bar is shown once there is something to count: not for a locked store, nor an empty one.
        taking_in = progress.add_task("files without a row", total=None, visible=False)

        def on_adopted(count: int) -> None:
            progress.update(taking_in, completed=count, visible=count > 0)

        with open_store(config, on_adopted=on_adopted) as store:
            found = store.recovery.report
            progress.update(taking_in, total=found.orphans_adopted)
            if found.database_rebuilt:  # every file has just been read
                report = RefreshReport(read=0, unreadable=0, corrected=0)
            else:
                reading = progress.add_task("files read again", total=None, visible=False)

                def on_read(done: int, total: int) -> None:
                    progress.update(reading, completed=done, total=total, visible=total > 0)

                report = store.refresh_index(on_read)
                progress.update(reading, total=report.read + report.unreadable)
                compare(store, progress)
                describing = progress.add_task("files described", total=store.scrub.span()[1])
                describe_all(
                    store.descriptions,
                    describe,
                    lambda row: progress.update(describing, completed=row),
                )
            statistics = store.statistics.store(since=datetime.now(UTC))
    _say(console, found, report, statistics)
    lost = len(found.given_back.without_file)
    return report.unreadable + statistics.missing_files + statistics.damaged_files + lost == 0


def compare(store: Store, progress: Progress) -> None:
    """Compare every file with what was stored, and mark what is damaged or whole again."""
    first, last = store.scrub.span()
    comparing = progress.add_task("files compared", total=last - first + 1)
    for after in range(first - 1, last, _COMPARED_AT_ONCE):
        store.scrub.run(after, min(after + _COMPARED_AT_ONCE, last))
        progress.update(comparing, completed=min(after + _COMPARED_AT_ONCE, last) - first + 1)


def _say(
    console: Console, found: RecoveryReport, report: RefreshReport, statistics: StoreStatistics
) -> None:
    """What was done, in a few lines; no name of a patient or a file."""
    if found.database_rebuilt:
        console.print("The database was gone or damaged: it was rebuilt from the files.")
    else:
        console.print(
            f"Instances read again: {report.read}. Counts corrected: {report.corrected}.",
            highlight=False,
        )
    if found.orphans_adopted:
        console.print(f"Files without a row, now in the index: {found.orphans_adopted}.")
    _say_what_is_lost(console, found)
    if found.orphans_quarantined:
        console.print(f"Files moved to quarantine: {found.orphans_quarantined}.")
    if found.orphans_unread:
        console.print(
            f"[red]Files without a row that could not be read now: {found.orphans_unread}.[/]"
        )
    if report.unreadable:
        console.print(f"[red]Instances without a readable file: {report.unreadable}.[/]")
    if statistics.damaged_files:
        console.print(
            f"[red]Files that are not what was stored: {statistics.damaged_files}. "
            "Have their senders send them again.[/]"
        )
    if statistics.missing_files:
        console.print(f"[red]Files that are gone: {statistics.missing_files}.[/]")


def _say_what_is_lost(console: Console, found: RecoveryReport) -> None:
    """Of what a file or the journal no longer says."""
    if found.without_seal:
        console.print(
            f"Of these without a seal: {found.without_seal}. What is known of them is what their "
            "data sets say; an earlier EchoNode stored them, or the seal is damaged.",
            highlight=False,
        )
    if found.given_back.left_out:
        console.print(f"[red]Lines of the journal not used: {found.given_back.left_out}.[/]")
    if lost := len(found.given_back.without_file):
        console.print(f"[red]Instances that were stored and have no file any more: {lost}.[/]")

"""Two faults together (scenario 47), where two mechanisms meet.

Others of the kind: an EIO within a COMMIT and then a kill (tests/integration/store), damage and
then the sender's second sending (test_bit_rot.py), a full disk and then a start
(test_unwritable_starts.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import never_reports
from tests.faults.judging.books import Book
from tests.faults.programme import RESTARTED_ARCHIVES
from tests.faults.test_unwritable_starts import SUCCESS, Gateway


@pytest.mark.full  # a minute of waiting; the decision itself is in tests/unit/commitment
@pytest.mark.timeout(0)
@pytest.mark.parametrize("number", range(RESTARTED_ARCHIVES.count))
def test_an_archive_that_restarts_between_request_and_report_is_asked_again(
    tmp_path: Path, number: int
) -> None:
    """It answered the request, and has forgotten it when it comes back: the node asks again some
    seconds after that, is promised, and lets the images go. It does not wait for the hourly turn.
    """
    with ExitStack() as stack:
        gateway = Gateway(tmp_path, stack)
        gateway.node.start()
        forgetful = Book(tmp_path / "forgetful.book")
        stack.callback(forgetful.close)
        with LyingArchive(
            forgetful, node_port=gateway.node.port, port=gateway.archive_port
        ) as before:
            before.commit = never_reports
            assert gateway.store(3) == {SUCCESS}
            gateway.wait(
                "all asked for",
                lambda: (
                    {item.sop_instance_uid for asked in before.asked for item in asked.items}
                    == {instance.sop_instance_uid for instance in gateway.sent}
                ),
            )
        first = {asked.transaction_uid for asked in before.asked}
        assert gateway.store() == {SUCCESS}  # finds the archive away
        gateway.node.wait_for("destination_unreachable")
        archive = gateway.open_archive()
        gateway.wait("all promised and gone", lambda: gateway.node.stored_files() == [])
        assert not first & {asked.transaction_uid for asked in archive.asked}
        assert len(archive.kept) == 1, "what it had was sent once"
        assert gateway.node.stop() == 0

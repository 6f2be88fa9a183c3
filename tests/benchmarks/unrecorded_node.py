"""`echonode` whose audit trail takes no event: what is left is a node without the trail's cost.

There is no such setting: a node always records. This is for the measurement alone.
"""

from __future__ import annotations

from echonode import cli
from echonode.audit.event import AuditEvent
from echonode.audit.recorder import Recorder


def _forget(self: Recorder, event: AuditEvent) -> None:
    del self, event


if __name__ == "__main__":
    Recorder.tell = _forget  # type: ignore[method-assign]  # see above
    cli.main()

"""The audit trail as the HTTP API has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from echonode.audit.codes import Kind
from echonode.audit.trail.checkpoint import read_checkpoint
from echonode.audit.trail.search import Page, Wanted, page, plain
from echonode.audit.trail.trail import Trail
from echonode.audit.trail.verification import verify
from echonode.errors import StoreError
from echonode.node.audit import NodeAudit
from echonode.web.audit import TrailFilter

Json = Mapping[str, Any]

# What a person reads at once.
PAGE_RECORDS = 100
# What one request looks at: two seconds' reading. A page says where the next one goes on.
PAGE_READ = 50_000


class NodeTrail:
    """web.audit.TrailApi on a node. Thread-safe."""

    def __init__(self, audit: NodeAudit, *, most_read: int = PAGE_READ) -> None:
        self._audit = audit
        self._most_read = most_read

    def kinds(self) -> list[str]:
        """The kinds of record that there are."""
        return [kind.value for kind in Kind]

    def search(self, wanted: TrailFilter, *, before: int | None) -> Json:
        """One page, the newest first. Raises StoreError."""
        found = self._page(wanted, before)
        return {
            "records": [plain(record) for record in found.records],
            "next": found.next,
            "reached": found.reached.isoformat() if found.reached else None,
            "looked": found.looked,
            "of": found.of,
        }

    def lines(self, wanted: TrailFilter) -> Iterator[bytes]:
        """Page by page: no page holds the database while a slow browser takes it."""
        before: int | None = None
        while True:
            found = self._page(wanted, before)
            if found.records:
                yield "".join(
                    json.dumps(plain(record), ensure_ascii=False) + "\n" for record in found.records
                ).encode()
            if found.next is None:
                return
            before = found.next

    def verify(self) -> Json:
        """Read every record. Raises StoreError."""
        trail = self._trail()
        checkpoint = read_checkpoint(trail.paths.checkpoint)
        return verify(trail.readers, checkpoint=checkpoint).as_plain()

    def _page(self, wanted: TrailFilter, before: int | None) -> Page:
        return page(
            self._trail().readers,
            Wanted(
                since=wanted.since,
                until=wanted.until,
                user=wanted.user,
                patient=wanted.patient,
                kind=Kind(wanted.kind) if wanted.kind else None,
            ),
            before=before,
            most=PAGE_RECORDS,
            most_read=self._most_read,
        )

    def _trail(self) -> Trail:
        if self._audit.trail is None:
            raise StoreError("the audit trail cannot be read: the log says why")
        return self._audit.trail

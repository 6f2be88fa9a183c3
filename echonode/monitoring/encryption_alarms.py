"""Alarms of encryption at rest: pure, of what the keys and the store say of themselves.

A key that is missing or wrong at the start is no alarm: the node does not start, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from echonode.store.encrypting.standing import Standing
from echonode.web.health import Alarm


@dataclass(frozen=True, kw_only=True)
class EncryptionFacts:
    """Of a node that encrypts. key_id: of the key that it was started with.

    key_problem: why the next start would not get that key, '' where it would. plain_files: of the
    store, as the scrub found them.
    """

    key_id: str
    standing: Standing
    key_problem: str = ""
    plain_files: int = 0


def encryption_alarms(facts: EncryptionFacts | None) -> Iterator[Alarm]:
    """Those that stand; none where nothing is to be encrypted."""
    if facts is None:
        return
    if facts.key_problem:
        yield Alarm(
            name="encryption_key",
            text=f"the node would not start again: {facts.key_problem}. Put the master key back",
        )
    earlier = [key_id for key_id in facts.standing.sealed_under if key_id != facts.key_id]
    if earlier:
        yield Alarm(
            name="key_change",
            text=f"the store is still sealed under the master key {', '.join(earlier)}: run "
            "`echonode encrypt --rotate`, then take `earlier_keys` out of the configuration",
        )
    if facts.plain_files:
        files = (
            "1 stored file is"
            if facts.plain_files == 1
            else f"{facts.plain_files} stored files are"
        )
        yield Alarm(
            name="plain_files",
            text=f"{files} not encrypted: stop the node, and run `echonode encrypt`",
        )
    if facts.standing.plain:
        yield Alarm(
            name="plain_databases",
            text="databases that are not encrypted lie in data_dir and are not used any more: "
            f"remove {', '.join(facts.standing.plain)}",
        )

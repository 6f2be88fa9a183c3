"""Bundles of what happened: of one exam's way to the archives, or of the whole node.

Rules
- No patient data: UIDs, destinations, states, statuses, times and our own words. It may be sent to
  those who look after the network or the archive. A UID leads to a patient only through an archive.
- No secrets: of the configuration the patients and what leads to keys are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from echonode import __version__
from echonode.config import Config
from echonode.errors import UsageError
from echonode.model.delivery import DeliveryState
from echonode.monitoring.ledger import plain_rows
from echonode.store.database.event_log import StoredEvent
from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.values import LedgerChoice

# Of the whole node: what a busy clinic does in some days, in a few megabytes.
NEWEST_EVENTS = 20_000
MOST_HELD = 5_000

_OF_AN_EXAM = """EchoNode {version}: the way of one exam to its archives. It holds no patient data.

timeline.jsonl  what happened, in order: each try with its status, what was negotiated, each request
                for commitment and each report. Without sop_instance_uid: it concerns the whole
                destination.
ledger.jsonl    what is proved of each instance now
config.json     the configuration, without patients and keys
"""
_OF_THE_NODE = """EchoNode {version}: the state of this node. It holds no patient data.

node.json       probes, archives, alarms and disk at the moment of this report
timeline.jsonl  what happened last to deliveries, in order
held.jsonl      what is held, and why
config.json     the configuration, without patients and keys
"""
_SECRET = "(left out)"
_SECRETS = ("patient", "key", "password", "secret", "token")


def write_exam_report(config: Config, store: ReadOnlyStore, exam: str, out: IO[bytes]) -> int:
    """Write the bundle of the study `exam` (its Study Instance UID); how many events it has.

    Raises UsageError where nothing is known of it; OSError of `out`.
    """
    chosen = LedgerChoice(study_instance_uid=exam)
    ledger = list(plain_rows(store, chosen))
    events = [_plain_event(event) for event in store.ledger.events(exam)]
    if not ledger and not events:
        raise UsageError(
            f"nothing is known of an exam {exam}: give its Study Instance UID, as in "
            "`echonode ledger --json`"
        )
    with ZipFile(out, "w", ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", _OF_AN_EXAM.format(version=__version__))
        bundle.writestr("timeline.jsonl", _lines(events))
        bundle.writestr("ledger.jsonl", _lines(ledger))
        bundle.writestr("config.json", json.dumps(redacted(config), indent=2))
    return len(events)


def write_node_report(
    config: Config, store: ReadOnlyStore, status: Mapping[str, object], out: IO[bytes]
) -> None:
    """Write the bundle of the whole node. status: its state, as /api/status has it.

    Raises OSError of `out`.
    """
    held = plain_rows(store, LedgerChoice(state=DeliveryState.HELD, last=MOST_HELD))
    with ZipFile(out, "w", ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", _OF_THE_NODE.format(version=__version__))
        bundle.writestr("node.json", json.dumps(status, indent=2, default=_plain))
        bundle.writestr(
            "timeline.jsonl",
            _lines(_plain_event(event) for event in store.ledger.newest_events(NEWEST_EVENTS)),
        )
        bundle.writestr("held.jsonl", _lines(held))
        bundle.writestr("config.json", json.dumps(redacted(config), indent=2))


def redacted(config: Config) -> object:
    """The configuration without the patients of unattended captures, and without paths of keys."""
    return _without_secrets(config.model_dump(mode="json"))


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _SECRET if key in _SECRETS and inner else _without_secrets(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return value


def _plain_event(event: StoredEvent) -> dict[str, object]:
    return {key: value for key, value in asdict(event).items() if value not in ("", None)}


def _lines(rows: Iterable[object]) -> str:
    return "".join(_line(rows))


def _line(rows: Iterable[object]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, default=_plain) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")

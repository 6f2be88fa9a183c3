"""`echonode report`: everything that is known of one exam's way to the archives, as one bundle.

Rules
- No patient data: UIDs, destinations, states, statuses, times and our own words. It may be sent to
  those who look after the network or the archive. A UID leads to a patient only through an archive.
- No secrets: of the configuration the patients and what leads to keys are left out.
- Written under another name and then renamed: a bundle is whole, or not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from echonode import __version__
from echonode.config import Config
from echonode.errors import UsageError
from echonode.monitoring.ledger import plain_rows
from echonode.store.read_only_store import open_read_only

_README = """EchoNode {version}: the way of one exam to its archives. It holds no patient data.

timeline.jsonl  what happened, in order: each try with its status, what was negotiated, each request
                for commitment and each report. Without sop_instance_uid: it concerns the whole
                destination.
ledger.jsonl    what is proved of each instance now
config.json     the configuration, without patients and keys
"""
_SECRET = "(left out)"


def write_report(config: Config, exam: str, out: Path) -> int:
    """Write the bundle of the study `exam` (its Study Instance UID); how many events it has.

    Raises UsageError where nothing is known of it, or the file cannot be written.
    """
    with open_read_only(config.data_dir) as store:
        ledger = [row for row in plain_rows(store) if row["study_instance_uid"] == exam]
        events = [
            {key: value for key, value in asdict(event).items() if value not in ("", None)}
            for event in store.ledger.events(exam)
        ]
    if not ledger and not events:
        raise UsageError(
            f"nothing is known of an exam {exam}: give its Study Instance UID, as in "
            "`echonode ledger --json`"
        )
    beside = out.with_name(f".{out.name}.part")
    try:
        with ZipFile(beside, "w", ZIP_DEFLATED) as bundle:
            bundle.writestr("README.txt", _README.format(version=__version__))
            bundle.writestr("timeline.jsonl", _lines(events))
            bundle.writestr("ledger.jsonl", _lines(ledger))
            bundle.writestr("config.json", json.dumps(redacted(config), indent=2))
        beside.replace(out)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(f"{out} cannot be written: {error.strerror}") from error
    return len(events)


def redacted(config: Config) -> object:
    """The configuration without the patients of unattended captures, and without paths of keys."""
    return _without_secrets(config.model_dump(mode="json"))


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _SECRET if key in ("patient", "key") and inner else _without_secrets(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return value


def _lines(rows: Iterable[object]) -> str:
    return "".join(_line(rows))


def _line(rows: Iterable[object]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, default=_plain) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")

"""What a journal at rest says otherwise than its database: read without a line of EchoNode.

The standard library alone: the database by sqlite3, the journal's lines by hand
(store/journal/lines.py says what they are).
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

OWN_TABLES = ("journal_change", "journal_staged")
# Keys of the table `meta` that say how a database is kept, and no more.
OWN_META = ("stopped_orderly", "folders_in_use", "instances_are_in", "journal", "rebuild")
Rows = dict[tuple[str, str], dict[str, Any]]


def disagreements(data_dir: Path) -> Iterator[str]:
    """A line for each row that one of the two has, and the other has not or has otherwise."""
    journal = data_dir / "journal.jsonl"
    if not journal.exists():
        yield "there is no journal"
        return
    columns, said = _said(journal)
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        there = {
            key: row for kind in columns for key, row in _there(connection, kind, columns[kind])
        }
    for kind, key in sorted(said.keys() | there.keys()):
        one, other = said.get((kind, key)), there.get((kind, key))
        if one is None or other is None:
            yield f"the {kind} {key} is {'not ' * (one is None)}in the journal alone"
        elif changed := [name for name, value in other.items() if one[name] != value]:
            yield f"the {kind} {key} has another {', '.join(changed)} in the journal"


def _said(journal: Path) -> tuple[dict[str, Sequence[str]], Rows]:
    columns: dict[str, Sequence[str]] = {}
    said: Rows = {}
    for number, raw in enumerate(journal.read_bytes().splitlines(), 1):
        checksum, _, text = raw.partition(b" ")
        assert checksum == b"%08x" % zlib.crc32(text), f"line {number} of the journal is damaged"
        match json.loads(text.decode("utf-8", "surrogatepass")):
            case ["columns", kind, names]:
                columns[kind] = names
            case ["row", kind, key, values, _]:
                said[kind, _text(key)] = dict(zip(columns[kind], values, strict=True))
            case ["gone", kind, key]:
                said.pop((kind, _text(key)), None)
    return columns, said


def _there(
    connection: sqlite3.Connection, kind: str, names: Sequence[str]
) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    """The rows of a table; those of a delivery without what belongs to them in other tables."""
    if kind == "delivery":
        own = [name for name in names if name not in ("derived_copy", "commitment_item")]
        keys, source = ["sop_instance_uid", "destination"], "instance ON instance.id = instance_id"
        listed = ", ".join(f"delivery.{name}" for name in own)
        statement = f"SELECT sop_instance_uid, destination, {listed} FROM delivery JOIN {source}"
    else:
        own = list(names)
        found = connection.execute(f"PRAGMA table_info({kind})").fetchall()
        keys = [name for _, name, _, _, _, at in sorted(found, key=lambda row: row[5]) if at]
        listed = ", ".join(f'"{name}"' for name in (*keys, *own))
        statement = f"SELECT {listed} FROM {kind}"
    for row in connection.execute(statement):
        key, values = row[: len(keys)], row[len(keys) :]
        if kind == "meta" and key[0].startswith(OWN_META):
            continue
        yield (
            (kind, _text([_plain(each) for each in key])),
            dict(zip(own, map(_plain, values), strict=True)),
        )


def _plain(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _text(key: Sequence[Any]) -> str:
    return json.dumps(key)

"""The judge: compares what clients, archives and a node's data folder say of each instance.

    python -m tests.faults.judging.judge --data DIR --book FILE ... --required pacs=FILE ...
    python -m tests.faults.judging.judge --shared CONNINFO BUCKET_URL --book FILE ...

A process of its own that shares no code with EchoNode; evidence.py reads what it compares. Prints
one JSON object, for each promise the list of what breaks it, and `counts` of what was looked at;
exits 1 when a promise is broken.

- I1: nothing acknowledged is lost: each instance is held, or promised by every required archive
  that took the same bytes.
- I2: nothing goes before every required archive has committed it.
- I3: bytes out are bytes in, at each archive and in the node's own files.
- I4: rows and files agree, and no partial file is visible. True of a node at rest only: one that
  was killed comes to rest with its next start.
- I5: what was sent was acknowledged, refused or neither; what was neither is whole or absent; no
  archive has what no client sent.

--book: of clients, and of what saw captures stored or instances deleted. --required: an archive
that must hold everything which left the node. An acknowledgement is 0000 or Bxxx (PS3.7 annex C). A
refusal that says "try again" (A7xx, 0110) may leave the instance whole: a disk that failed within
the commit may show the row at the next start; any other refusal means that it is not there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.faults.judging.evidence import (
    Archive,
    Clients,
    Folder,
    read_archive,
    read_clients,
    read_folder,
)
from tests.faults.judging.shared_evidence import read_shared

PROMISES = ("I1", "I2", "I3", "I4", "I5")


def judge(
    folder: Folder, clients: Clients, archives: Mapping[str, Archive]
) -> dict[str, list[str]]:
    """What breaks each promise, in words."""
    return {
        "I1": list(lost(folder, clients, archives)),
        "I2": list(deleted_early(folder, clients, archives)),
        "I3": list(changed(folder, clients, archives)),
        "I4": list(disagreeing(folder)),
        "I5": list(unaccounted(folder, clients, archives)),
    }


def lost(folder: Folder, clients: Clients, archives: Mapping[str, Archive]) -> Iterator[str]:
    """I1."""
    held = folder.held()
    for uid, sha256 in sorted(clients.acknowledged, key=str):
        here = held.get(uid, set())
        if sha256 in here or (sha256 is None and here):
            continue
        if not archives or not all(at.keeps(uid, sha256) for at in archives.values()):
            yield f"{uid} ({sha256}) was acknowledged and is lost"


def deleted_early(
    folder: Folder, clients: Clients, archives: Mapping[str, Archive]
) -> Iterator[str]:
    """I2: of what is known to be gone, by a tombstone, a book, or its absence."""
    held = folder.held()
    gone = folder.tombstones.keys() | clients.deleted
    gone |= {uid for uid, _ in clients.acknowledged}
    for uid in sorted(gone - held.keys()):
        if not archives:
            yield f"{uid} is gone, and no archive was there to keep it"
        for name, archive in archives.items():
            if not archive.keeps(uid, folder.tombstones.get(uid)):
                yield f"{uid} is gone, and {name} has not promised to keep it"


def changed(folder: Folder, clients: Clients, archives: Mapping[str, Archive]) -> Iterator[str]:
    """I3. The bytes in are those that were offered; of a capture, those the index recorded."""
    recorded: dict[str, set[str | None]] = {}
    for row in folder.rows.values():
        recorded.setdefault(row.sop_instance_uid, set()).add(row.sha256)
    for uid, sha256 in folder.tombstones.items():
        recorded.setdefault(uid, set()).add(sha256)
    came_in = recorded | clients.hashes()
    for name, archive in archives.items():
        for uid, kept in archive.kept.items():
            known = came_in.get(uid)
            if known is None:
                if len(kept) > 1:
                    yield f"{uid} was sent to {name} with differing bytes"
            elif not kept <= known:
                yield f"{uid} has other bytes at {name}"
    for file_id, file in folder.files.items():
        known = came_in.get(file.sop_instance_uid)
        if known is not None and file.sha256 not in known:
            yield f"{file.sop_instance_uid} has other bytes in {file_id}.dcm"


def disagreeing(folder: Folder) -> Iterator[str]:
    """I4."""
    yield from folder.faults
    for file_id in sorted(folder.rows.keys() - folder.files.keys()):
        yield f"{folder.rows[file_id].sop_instance_uid} has a row and no file ({file_id})"
    for file_id in sorted(folder.files.keys() - folder.rows.keys()):
        yield f"{folder.files[file_id].sop_instance_uid} has a file and no row ({file_id})"
    for file_id in sorted(folder.files.keys() & folder.rows.keys()):
        file, row = folder.files[file_id], folder.rows[file_id]
        in_file = (file.sop_instance_uid, file.sha256, file.size)
        if in_file != (row.sop_instance_uid, row.sha256, row.size):
            yield f"{row.sop_instance_uid}: {file_id}.dcm is not what its row says"


def unaccounted(folder: Folder, clients: Clients, archives: Mapping[str, Archive]) -> Iterator[str]:
    """I5."""
    answered = clients.acknowledged + clients.refused + clients.unanswered
    for key in sorted((clients.offered | answered).keys(), key=str):
        if key[1] is not None and clients.offered[key] != answered[key]:
            yield f"{key[0]} was offered {clients.offered[key]} times, answered {answered[key]}"
    hashes = clients.hashes()
    may_be_there = {key for key in clients.offered if key not in clients.refused_for_good}
    may_be_there |= clients.acknowledged.keys() | clients.unanswered.keys()
    for file in folder.files.values():
        uid, sha256 = file.sop_instance_uid, file.sha256
        # A client's instance; a capture is known by its UID alone, or not at all.
        if sha256 in hashes.get(uid, set()) and (uid, sha256) not in may_be_there:
            yield f"{uid} was refused and is there"
        if (uid in hashes) and sha256 not in hashes[uid] and None not in hashes[uid]:
            yield f"{uid} is neither whole nor absent"
    known = hashes.keys() | folder.held().keys() | folder.tombstones.keys()
    known |= {row.sop_instance_uid for row in folder.rows.values()}
    known |= {uid for uid, _ in clients.acknowledged}
    for name, archive in archives.items():
        for uid in sorted((archive.kept.keys() | archive.promised) - known):
            yield f"{name} has {uid}, which nobody sent"


def _counts(
    folder: Folder, clients: Clients, archives: Mapping[str, Archive]
) -> dict[str, int | dict[str, int]]:
    return {
        "offered": sum(clients.offered.values()),
        "acknowledged": sum(clients.acknowledged.values()),
        "refused": sum(clients.refused.values()),
        "unknown": sum(clients.unanswered.values()),
        "held": len(folder.files),
        "without a row": folder.without_row,
        "tombstones": len(folder.tombstones),
        "kept": {name: len(archive.kept) for name, archive in archives.items()},
        "promised": {name: len(archive.promised) for name, archive in archives.items()},
    }


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="judge", description=(__doc__ or "").split("\n")[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help="a node's data_dir")
    where.add_argument("--shared", nargs=2, help="of several nodes: their PostgreSQL and bucket")
    parser.add_argument("--book", type=Path, action="append", default=[], help="a client's book")
    parser.add_argument(
        "--required", action="append", default=[], metavar="NAME=BOOK", help="an archive's book"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, judge, print."""
    given = _arguments(arguments)
    archives = {
        name: read_archive(Path(path))
        for name, _, path in (required.partition("=") for required in given.required)
    }
    clients = read_clients(given.book)
    folder = read_shared(*given.shared) if given.shared else read_folder(given.data)
    verdict = judge(folder, clients, archives)
    json.dump({**verdict, "counts": _counts(folder, clients, archives)}, sys.stdout)
    return 1 if any(verdict.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

"""All that is held of one patient as one folder or ZIP file, with an index (GDPR article 15).

    index.html, index.json   what is here, and where
    images/0001.dcm ...      each stored instance, its dataset byte for byte
    quarantine/0001.dcm ...  what came under a known UID with other bytes
    records/NAME.json        exams, measurements, worklist, procedure steps, results and the rest
    audit.jsonl              the records of the audit trail that name the patient

File names are numbers of ours: no value of an image is ever part of a path.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Protocol
from zipfile import ZIP_DEFLATED, ZipFile

from echonode.at_rest.reading import StoredFile
from echonode.at_rest.writing import FileWriter
from echonode.errors import UsageError
from echonode.model.instance import StoredInstance, bytes_of, open_bytes
from echonode.store.files.file_meta import HEAD_LENGTH, dataset_offset, without_seal
from echonode.store.index.dataset_header import LONGEST_META
from echonode.store.read_only_store import ReadOnlyStore

_PIECE = 1024 * 1024


class _Target(Protocol):
    """Where the files go."""

    def copy(self, source: StoredFile, name: str) -> None: ...

    def write(self, name: str, text: str) -> None: ...

    def close(self) -> None: ...


class _Folder:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, mode=0o700)
        self._folder = folder

    def _path(self, name: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def copy(self, source: StoredFile, name: str) -> None:
        with source, self._path(name).open("wb") as file:
            file.write(_sent_head(source))
            shutil.copyfileobj(source, file, _PIECE)

    def write(self, name: str, text: str) -> None:
        self._path(name).write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Every file is written already."""


class _Zip:
    def __init__(self, file: Path | FileWriter) -> None:
        self._zip = ZipFile(file, "x" if isinstance(file, Path) else "w", ZIP_DEFLATED)

    def copy(self, source: StoredFile, name: str) -> None:
        with source, self._zip.open(name, "w", force_zip64=True) as file:
            file.write(_sent_head(source))
            shutil.copyfileobj(source, file, _PIECE)

    def write(self, name: str, text: str) -> None:
        self._zip.writestr(name, text)

    def close(self) -> None:
        self._zip.close()


def export_patient(
    store: ReadOnlyStore,
    patient_id: str,
    out: Path | FileWriter,
    *,
    audit: Iterable[Mapping[str, Any]],
    now: datetime,
) -> Mapping[str, Any]:
    """Write it to a new folder, a new file that ends in `.zip`, or an open file; the index.

    audit: the records that name the patient. Raises UsageError where nothing is held or `out` is
    there already; OSError of the disk.
    """
    instances = store.holdings.instances(patient_id)
    rows = store.holdings.rows(patient_id)
    quarantined, unreadable = store.holdings.quarantined(patient_id)
    records = list(audit)
    if not (instances or quarantined or any(rows.values()) or records):
        raise UsageError("nothing is held of a patient with this number")
    if isinstance(out, Path) and out.exists():
        raise UsageError(f"{out} is there already: give a new name")
    if isinstance(out, Path) and out.suffix.lower() != ".zip":
        target: _Target = _Folder(out)
    else:
        target = _Zip(out)
    try:
        images = []
        for number, instance in enumerate(instances, start=1):
            name = f"images/{number:04}.dcm"
            there = _is_there(instance)
            if there:
                target.copy(open_bytes(instance), name)
            images.append(
                {
                    "file": name if there else "",
                    "sop_instance_uid": instance.sop_instance_uid,
                    "sop_class_uid": instance.sop_class_uid,
                    "study_instance_uid": instance.study_instance_uid,
                    "series_instance_uid": instance.series_instance_uid,
                    "problem": "" if there else "the file is gone from the disk",
                }
            )
        for number, path in enumerate(quarantined, start=1):
            target.copy(store.holdings.opened(path), f"quarantine/{number:04}.dcm")
        for name, found in rows.items():
            if found:
                target.write(f"records/{name}.json", _json([_plain(row) for row in found]))
        if records:
            target.write("audit.jsonl", "".join(_line(record) for record in records))
        index: dict[str, Any] = {
            "patient_id": patient_id,
            "names": sorted(store.holdings.names(patient_id)),
            "exported_at": now.isoformat(timespec="seconds"),
            "images": images,
            "records": {name: len(found) for name, found in rows.items() if found},
            "audit_records": len(records),
            "quarantined": len(quarantined),
            "unreadable_in_quarantine": unreadable,
        }
        target.write("index.json", _json(index))
        target.write("index.html", _page(index))
    finally:
        target.close()
    return index


def _plain(row: Mapping[str, object]) -> Mapping[str, object]:
    return {key: _value(value) for key, value in row.items()}


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _page(index: Mapping[str, Any]) -> str:
    """The index for a person; every value is escaped."""
    images: Sequence[Mapping[str, str]] = index["images"]
    rows = "".join(
        f"<tr><td>{_link(each['file']) or escape(each['problem'])}</td>"
        f"<td>{escape(each['study_instance_uid'])}</td>"
        f"<td>{escape(each['sop_instance_uid'])}</td></tr>\n"
        for each in images
    )
    records = "".join(
        f"<li>{_link(f'records/{name}.json')}: {count}</li>\n"
        for name, count in index["records"].items()
    )
    audit = f"<li>{_link('audit.jsonl')}: {index['audit_records']}</li>\n"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Data of a patient</title>\n'
        "<style>body{font-family:sans-serif;margin:2em;max-width:60em}"
        "td{padding:.2em 1em .2em 0;font-size:90%}</style>\n"
        f"<h1>{escape(', '.join(index['names']) or 'A patient')}</h1>\n"
        f"<p>Patient ID {escape(index['patient_id'])}, "
        f"exported {escape(index['exported_at'])}.</p>\n"
        f"<h2>Images ({len(images)})</h2>\n<table>{rows}</table>\n"
        f"<h2>Records</h2>\n<ul>{records}{audit if index['audit_records'] else ''}</ul>\n</html>\n"
    )


def _link(name: str) -> str:
    return f'<a href="{escape(name)}">{escape(name)}</a>' if name else ""


def _sent_head(file: StoredFile) -> bytes:
    """What stands before a stored file's dataset, without its seal; `file` is read up to there."""
    head = file.read(HEAD_LENGTH)
    offset = dataset_offset(head)
    if offset is None or offset > LONGEST_META:  # not a file of ours, as some in quarantine
        return head
    return without_seal(head + file.read(offset - HEAD_LENGTH))


def _is_there(instance: StoredInstance) -> bool:
    """Whether it has its file. Raises StoreError where object storage does not answer."""
    try:
        return bytes_of(instance).exists()
    except FileNotFoundError:
        return False

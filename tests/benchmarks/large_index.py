"""An index of 100,000 studies and 1,000,000 instances, without their files.

Rows only, put in bulk through the store's own schema, so that what is measured is an archive of
years without ten terabytes of pictures. It is kept under build/ from run to run, under a name that
changes with the schema and with this module. What it holds is the same each time: a clinic's ten
years, patients who come again, names of many languages, UIDs in no order.

The store does not open it for writing: its recovery would find a million files missing.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from echonode.model.criteria import Level
from echonode.model.instance import Origin
from echonode.store.database import schema
from echonode.store.database.migrations import migrate
from echonode.store.index.column_values import attribute_values

BUILD: Final = Path(__file__).resolve().parents[2] / "build"
NOW: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIRST_DAY: Final = date(2016, 11, 20)
DAYS: Final = 3650
SERIES_A_STUDY: Final = 2
US_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.6.1"
EXPLICIT_LE: Final = "1.2.840.10008.1.2.1"
_ROWS_AT_ONCE = 20_000
_DIALECT = sqlite.dialect()

SURNAMES: Final = (
    *(
        "Smith",
        "Jones",
        "Brown",
        "Taylor",
        "Wilson",
        "Davies",
        "Evans",
        "Thomas",
        "Roberts",
        "Johnson",
        "Walker",
        "Wright",
    ),
    *(
        "Müller",
        "Schmidt",
        "Schneider",
        "Fischer",
        "Weber",
        "Meyer",
        "Wagner",
        "Becker",
        "Schäfer",
        "Köhler",
        "Groß",
    ),
    *(
        "Martin",
        "Bernard",
        "Dubois",
        "Lefèvre",
        "Moreau",
        "Laurent",
        "Hélène",
        "García",
        "Núñez",
        "Peña",
        "Muñoz",
        "Ortiz",
    ),
    *(
        "Rossi",
        "Russo",
        "Bianchi",
        "Esposito",
        "Novák",
        "Dvořák",
        "Kowalski",
        "Wiśniewska",
        "Иванов",
        "Петрова",
    ),
    *(
        "Kim",
        "Lee",
        "Park",
        "Nguyen",
        "Tran",
        "Okafor",
        "Mensah",
        "Diallo",
        "Traoré",
        "Haddad",
        "Nasser",
        "Cohen",
        "Levi",
    ),
)
GIVEN: Final = (
    *(
        "Anna",
        "Maria",
        "Jane",
        "Emma",
        "Olivia",
        "Sophie",
        "Laura",
        "Julia",
        "Léa",
        "Chloé",
        "Zoë",
        "Ines",
        "Aïcha",
        "Fatima",
    ),
    *(
        "John",
        "Peter",
        "Paul",
        "Mark",
        "James",
        "Robert",
        "Karl",
        "Jürgen",
        "Jörg",
        "André",
        "José",
        "Luis",
        "Ivan",
        "Oleg",
        "Ali",
    ),
)
DESCRIPTIONS: Final = ("Abdomen", "Echocardiography", "Thyroid", "Obstetric 20 weeks", "Carotids")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How large an index is."""

    studies: int
    instances: int

    @property
    def patients(self) -> int:
        return max(1, self.studies * 7 // 10)

    @property
    def instances_a_series(self) -> int:
        return self.instances // (self.studies * SERIES_A_STUDY)


MILLION: Final = Shape(studies=100_000, instances=1_000_000)


def large_index(
    shape: Shape, *, build: Path = BUILD, show: Callable[[str], None] = lambda text: None
) -> Path:
    """The data_dir with the index of this shape, made now if it is not there yet."""
    family = f"index-{shape.studies}-{shape.instances}"
    folder = build / f"{family}-{_fingerprint()}"
    if not folder.is_dir():
        for older in build.glob(f"{family}-*"):
            shutil.rmtree(older)
        unfinished = build / f"{family}-{os.getpid()}.part"
        unfinished.mkdir(parents=True)
        _make(unfinished / "index.sqlite", shape, show)
        unfinished.rename(folder)
    return folder


def _fingerprint() -> str:
    """Of everything that the rows are made by; other tables are empty, whatever they are."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for table in (schema.patient, schema.study, schema.series, schema.instance):
        found.update(str(CreateTable(table).compile(dialect=_DIALECT)).encode())
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            found.update(str(CreateIndex(index).compile(dialect=_DIALECT)).encode())
    return found.hexdigest()[:12]


def _make(database: Path, shape: Shape, show: Callable[[str], None]) -> None:
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        migrate(connection, 0, NOW)
    engine.dispose()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # it is made anew after a power cut
        connection.execute("PRAGMA cache_size = -1000000")
        for table, rows in (
            (schema.patient, _patients(shape)),
            (schema.study, _studies(shape)),
            (schema.series, _series(shape)),
            (schema.instance, _instances(shape)),
        ):
            _insert(connection, table, rows, show)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(
    connection: sqlite3.Connection,
    table: sa.Table,
    rows: Iterator[tuple[Any, ...]],
    show: Callable[[str], None],
) -> None:
    """All rows of one table, in its columns' order, with a word now and then."""
    places = ", ".join("?" for _ in table.columns)
    statement = f"INSERT INTO {table.name} VALUES ({places})"  # names of our own schema
    done = 0
    while part := [row for _, row in zip(range(_ROWS_AT_ONCE), rows, strict=False)]:
        connection.execute("BEGIN")
        connection.executemany(statement, part)
        connection.execute("COMMIT")
        done += len(part)
        show(f"making the index (once): {done:,} rows of {table.name}")


def _row(table: sa.Table, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(
        values[column.name] if column.name in values else _default(column)
        for column in table.columns
    )


def _default(column: sa.Column[Any]) -> Any:
    """Of a column that is nearly always the same, and that the schema gives its value."""
    assert column.server_default is not None, column
    return 0 if isinstance(column.type, sa.Boolean) else ""


def uid(kind: str, number: int) -> str:
    """A UID as devices make them: long, and in no order."""
    digits = int(hashlib.sha256(f"{kind}{number}".encode()).hexdigest()[:28], 16)
    return f"1.2.826.0.1.3680043.{digits}.{number}"


def patient_id(number: int) -> str:
    return f"PID{number * 7919 % 10_000_000:07d}"


def accession_number(study: int) -> str:
    return f"ACC{study * 104_729 % 100_000_000:08d}"


def patient_of(study: int, shape: Shape) -> int:
    """Most come once, some again and again."""
    return study % shape.patients if study % 3 else study % (shape.patients // 10 + 1)


def study_day(study: int) -> date:
    return FIRST_DAY + timedelta(days=study * 7919 % DAYS)


def patient_name(number: int) -> str:
    chance = random.Random(number)
    name = f"{chance.choice(SURNAMES)}{chance.randrange(100):02d}^{chance.choice(GIVEN)}"
    return name if number % 50 else f"{name}=山田^太郎=やまだ^たろう"


def _patients(shape: Shape) -> Iterator[tuple[Any, ...]]:
    studies = [0] * shape.patients
    for study in range(shape.studies):
        studies[patient_of(study, shape)] += 1
    for number in range(shape.patients):
        birth = date(1930, 1, 1) + timedelta(days=number * 7 % 30_000)
        held = {
            "PatientID": patient_id(number),
            "PatientName": patient_name(number),
            "PatientBirthDate": f"{birth:%Y%m%d}",
            "PatientSex": "FM"[number % 2],
        }
        values = {
            **attribute_values(Level.PATIENT, held),
            "id": number + 1,
            "identity": f"id\x1f\x1f{patient_id(number)}",
            "number_of_patient_related_studies": studies[number],
            "number_of_patient_related_series": studies[number] * SERIES_A_STUDY,
            "number_of_patient_related_instances": studies[number]
            * SERIES_A_STUDY
            * shape.instances_a_series,
        }
        yield _row(schema.patient, values)


def _studies(shape: Shape) -> Iterator[tuple[Any, ...]]:
    for number in range(shape.studies):
        held = {
            "StudyInstanceUID": uid("study", number),
            "StudyDate": f"{study_day(number):%Y%m%d}",
            "StudyTime": f"{number % 24:02d}{number % 60:02d}00",
            "AccessionNumber": accession_number(number),
            "StudyID": f"S{number}",
            "StudyDescription": DESCRIPTIONS[number % len(DESCRIPTIONS)],
            "ReferringPhysicianName": f"Referrer{number % 300}^Doctor",
        }
        values = {
            **attribute_values(Level.STUDY, held),
            "id": number + 1,
            "patient_id": patient_of(number, shape) + 1,
            "modalities_in_study": "US" if number % 10 else "SR\\US",
            "sop_classes_in_study": US_IMAGE,
            "number_of_study_related_series": SERIES_A_STUDY,
            "number_of_study_related_instances": SERIES_A_STUDY * shape.instances_a_series,
        }
        yield _row(schema.study, values)


def _series(shape: Shape) -> Iterator[tuple[Any, ...]]:
    for number in range(shape.studies * SERIES_A_STUDY):
        study = number // SERIES_A_STUDY
        held = {
            "SeriesInstanceUID": uid("series", number),
            "Modality": "US",
            "SeriesNumber": str(number % SERIES_A_STUDY + 1),
            "SeriesDate": f"{study_day(study):%Y%m%d}",
            "SeriesDescription": DESCRIPTIONS[study % len(DESCRIPTIONS)],
            "Manufacturer": "EchoNode",
            "StationName": f"ROOM{study % 12}",
        }
        values = {
            **attribute_values(Level.SERIES, held),
            "id": number + 1,
            "study_id": study + 1,
            "number_of_series_related_instances": shape.instances_a_series,
        }
        yield _row(schema.series, values)


def _instances(shape: Shape) -> Iterator[tuple[Any, ...]]:
    held = {
        "SOPClassUID": US_IMAGE,
        "ContentDate": "20261120",
        "ContentTime": "120000",
        "ImageType": "ORIGINAL\\PRIMARY\\ABDOMINAL",
        "Rows": "480",
        "Columns": "640",
        "BitsAllocated": "8",
        "PhotometricInterpretation": "MONOCHROME2",
    }
    alike = {
        **attribute_values(Level.IMAGE, held),
        "transfer_syntax_uid": EXPLICIT_LE,
        "frames": 1,
        "size": 308_000,
        "dataset_offset": 400,
        "file_missing": 0,
        "origin": Origin.RECEIVED.value,
        "source_ae_title": "SCANNER",
        "acquired_at": None,
        "stored_at": 1_790_000_000_000_000,
        "evidence": "",
    }
    template = list(_row(schema.instance, alike | dict.fromkeys(_OF_EACH)))
    place = {name: index for index, name in enumerate(schema.instance.columns.keys())}
    for number in range(shape.instances):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        row = template.copy()
        row[place["id"]] = number + 1
        row[place["series_id"]] = number // shape.instances_a_series + 1
        row[place["sop_instance_uid"]] = uid("instance", number)
        row[place["instance_number"]] = str(number % shape.instances_a_series + 1)
        row[place["file_id"]] = digest[:32]
        row[place["dataset_sha256"]] = digest
        yield tuple(row)


_OF_EACH = ("id", "series_id", "sop_instance_uid", "instance_number", "file_id", "dataset_sha256")

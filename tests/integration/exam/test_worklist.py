"""The worklist of three independent servers: DCMTK's, Orthanc's plugin and odil's."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from echonode.dimse.requestor import Requestor
from echonode.errors import NetworkError
from echonode.exam.worklist.query import WorklistQuery
from echonode.exam.worklist.refresh import WorklistPlan, WorklistRefresh, listed_on
from echonode.exam.worklist.refused_keys import RefusedKeys
from echonode.exam.worklist.scu import WorklistSCU
from echonode.model.certificate import TLSFiles
from echonode.model.identity import CallBackAddress, Peer
from echonode.model.worklist_item import WorklistItem
from echonode.store.store import Store
from tests.peers.authority import Authority
from tests.peers.fixtures import require_file
from tests.peers.orthanc import WORKLIST_PLUGIN, OrthancServer
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK
from tests.peers.process import has_listener
from tests.peers.ris import OdilRis, Wlmscpfs, write_item
from tests.support.memory_key_value import MemoryKeyValue
from tests.unit.exam.worklist.answers import answer, full_answer, step
from tests.unit.objects.orders import FULL_ITEM

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
TODAY = WorklistQuery(
    station_ae_title="US1", modality="US", first_date="20261120", last_date="20261120"
)
SERVERS = ("wlmscpfs", "orthanc", "odil")


class Ris:
    """One of the servers: where it is, and its folder of items."""

    def __init__(self, server: str, peer: Peer, items: Path) -> None:
        self.server, self.peer, self.items = server, peer, items
        self.notes = MemoryKeyValue()

    def add(self, item: Dataset) -> None:
        write_item(self.items, item)

    def scu(self, character_set: str = "") -> WorklistSCU:
        """For one query: odil listens again after each association."""
        while self.server == "odil" and not has_listener(self.peer.port):
            time.sleep(0.02)
        return WorklistSCU(
            associate=Requestor(ae_title="ECHONODE").associate,
            peer=self.peer,
            refused_keys=RefusedKeys(self.notes, self.peer.name, now=lambda: NOW),
            now=lambda: NOW,
            character_set=character_set,
        )


def at(port: int, ae_title: str, tls: TLSFiles | None = None) -> Peer:
    return Peer(name="ris", ae_title=ae_title, host=LOOPBACK, port=port, may=frozenset(), tls=tls)


@pytest.fixture(params=SERVERS)
def ris(
    request: pytest.FixtureRequest,
    make_part: Callable[[Part], Any],
    make_orthanc: Callable[..., OrthancServer],
    tmp_path: Path,
) -> Ris:
    """Each server in turn, without items."""
    if request.param == "wlmscpfs":
        dcmtk = make_part(Wlmscpfs(options=("-csk", "-dfr")))
        return Ris("wlmscpfs", at(dcmtk.port, "RIS"), dcmtk.items)
    if request.param == "odil":
        odil = make_part(OdilRis())
        return Ris("odil", at(odil.port, "RIS"), odil.items)
    return orthanc_ris(make_orthanc, tmp_path)


def orthanc_ris(make_orthanc: Callable[..., OrthancServer], folder: Path, **options: object) -> Ris:
    """Orthanc with its worklist plugin."""
    require_file(WORKLIST_PLUGIN, "orthanc")
    items = folder / "worklist"
    items.mkdir()
    orthanc = make_orthanc(
        plugins=[WORKLIST_PLUGIN],
        options={
            "Worklists": {"Enable": True, "Database": str(items)},
            "DicomAlwaysAllowFindWorklist": True,
            # It answers in one character set for all; Latin-1 without this, and drops the rest.
            "DefaultEncoding": "Utf8",
            **options,
        },
    )
    return Ris("orthanc", at(orthanc.dicom_port, "ORTHANC"), items)


def test_todays_items_of_the_station_are_fetched(ris: Ris) -> None:
    """Not another day's, another modality's or another station's."""
    for number, wanted in enumerate(
        (
            step(),
            step(ScheduledProcedureStepStartDate="20261121"),
            step(Modality="CT"),
            step(ScheduledStationAETitle="US2"),
        )
    ):
        ris.add(answer(AccessionNumber=f"A{number}", ScheduledProcedureStepSequence=[wanted]))
    fetched = ris.scu().fetch(TODAY)
    assert [item.accession_number.value for item in fetched.items] == ["A0"]
    assert (dict(fetched.unusable), fetched.excess, fetched.left_out) == ({}, 0, ())


def test_a_window_of_days_and_every_station_are_asked_for(ris: Ris) -> None:
    """Range matching of the date, universal matching of the station."""
    for number in range(18, 24):
        wanted = step(
            ScheduledProcedureStepStartDate=f"202611{number}", ScheduledStationAETitle=f"US{number}"
        )
        ris.add(answer(AccessionNumber=f"A{number}", ScheduledProcedureStepSequence=[wanted]))
    query = WorklistQuery(modality="US", first_date="20261119", last_date="20261121")
    found = [item.accession_number.value for item in ris.scu().fetch(query).items]
    assert sorted(found) == ["A19", "A20", "A21"]


def test_an_item_with_every_attribute_arrives_whole(ris: Ris) -> None:
    """As far as the server knows the attribute: what it returned is in the item unchanged."""
    ris.add(full_answer())
    [item] = ris.scu().fetch(TODAY).items
    expected = replace(FULL_ITEM, id=item.id, fetched_at=NOW)
    if ris.server == "wlmscpfs":
        assert_known_to_dcmtk(item, expected)
    else:
        assert item == expected


def assert_known_to_dcmtk(item: WorklistItem, expected: WorklistItem) -> None:
    """DCMTK returns a list of attributes of its own (wlmscpfs, "supported return keys")."""
    for name in (
        *("study_instance_uid", "requested_procedure_id", "requested_procedure_description"),
        *("requested_procedure_codes", "referring_physician_name", "requesting_physician_name"),
        *("requested_procedure_priority", "requested_procedure_comments", "referenced_studies"),
        *("current_patient_location", "confidentiality_code", "names_of_intended_recipients"),
    ):
        assert getattr(item, name) == getattr(expected, name), name
    assert item.accession_number.value == expected.accession_number.value
    assert item.admission_id.value == expected.admission_id.value
    assert item.placer_order_number.value == expected.placer_order_number.value
    assert replace(item.step, location="") == replace(expected.step, location="")
    for name in ("id", "name", "birth_date", "sex", "weight_kg", "state", "special_needs"):
        assert getattr(item.patient, name) == getattr(expected.patient, name), name


NAMES = [
    ("ISO_IR 100", "Äneas^Rüdiger"),
    ("ISO_IR 126", "Διονυσιος"),
    ("ISO_IR 127", "قباني^لنزار"),
    ("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    ("ISO_IR 192", "Hong^Gildong=洪^吉洞=홍^길동"),
    ("GB18030", "Wang^XiaoDong=王^小东"),
]


# Orthanc 1.10 passes ISO 2022 on as it is and calls it UTF-8, which pydicom warns of and reads.
@pytest.mark.filterwarnings("ignore:Found unknown escape sequence")
def test_names_arrive_unchanged_in_every_character_set(ris: Ris) -> None:
    """Japanese, Korean, Chinese, Arabic, Greek and German."""
    for number, (character_set, name) in enumerate(NAMES):
        ris.add(
            answer(
                SpecificCharacterSet=character_set, PatientName=name, AccessionNumber=f"A{number}"
            )
        )
    fetched = ris.scu().fetch(TODAY)
    got = {item.accession_number.value: item.patient.name for item in fetched.items}
    expected = {f"A{number}": name for number, (_, name) in enumerate(NAMES)}
    if ris.server == "orthanc":
        # Its Korean name still holds an escape sequence: that is no item, and the reason says so.
        assert expected.pop("A5") == "Hong^Gildong=洪^吉洞=홍^길동"
        [reason] = fetched.unusable
        assert "PatientName" in reason
    else:
        assert dict(fetched.unusable) == {}
    assert got == expected


def test_a_person_finds_a_patient_on_the_server(ris: Ris) -> None:
    """By number, whatever the day and the station."""
    later = step(ScheduledProcedureStepStartDate="20261224", ScheduledStationAETitle="US9")
    ris.add(answer(PatientID="P-1", AccessionNumber="A1"))
    ris.add(answer(PatientID="P-2", AccessionNumber="A2", ScheduledProcedureStepSequence=[later]))
    by_id = list(ris.scu().search(WorklistQuery(patient_id="P-2")))
    by_number = list(ris.scu().search(WorklistQuery(accession_number="A2")))
    assert [item.patient.id for item in by_id] == ["P-2"]
    assert [item.patient.id for item in by_number] == ["P-2"]


def test_a_worklist_is_fetched_by_tls(
    make_orthanc: Callable[..., OrthancServer], tmp_path: Path
) -> None:
    """Orthanc asks for our certificate; in clear, and without one, it answers nothing."""
    authority = Authority(tmp_path / "ca")
    own, theirs = authority.issue("echonode"), authority.issue("ris")
    server = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(theirs.cert),
        "DicomTlsPrivateKey": str(theirs.key),
        "DicomTlsTrustedCertificates": str(authority.certificate),
    }
    ris = orthanc_ris(make_orthanc, tmp_path, **server)
    ris.add(answer(AccessionNumber="A1"))
    tls = TLSFiles(cert=own.cert, key=own.key, ca=authority.certificate)
    ris.peer = at(ris.peer.port, "ORTHANC", tls)
    assert [item.accession_number.value for item in ris.scu().fetch(TODAY).items] == ["A1"]
    for refused in (None, TLSFiles(cert=None, key=None, ca=authority.certificate)):
        ris.peer = at(ris.peer.port, "ORTHANC", refused)
        with pytest.raises(NetworkError):
            ris.scu().fetch(TODAY)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", now=lambda: NOW) as opened:
        yield opened


def test_the_list_stays_while_the_server_is_away_and_is_right_after(
    make_part: Callable[[Part], Any], store: Store
) -> None:
    """A real server is killed and comes back with other items."""
    dcmtk = make_part(Wlmscpfs(options=("-csk", "-dfr")))
    ris = Ris("wlmscpfs", at(dcmtk.port, "RIS"), dcmtk.items)
    ris.add(answer(AccessionNumber="A1"))
    background = WorklistRefresh(
        ris.scu(),
        plan=WorklistPlan(station_ae_titles=("US1",), modality="US"),
        items=store.worklist,
        notes=store.key_value,
        us=CallBackAddress(ae_title="ECHONODE", host=LOOPBACK, port=11112),
        now=lambda: NOW,
        local_now=lambda: NOW,
    )
    background.look()
    assert len(listed_on(store.worklist, "20261120")) == 1
    dcmtk.kill()
    background.look()
    assert background.status.problem
    assert len(listed_on(store.worklist, "20261120")) == 1
    for path in dcmtk.items.glob("*.wl"):
        path.unlink()
    ris.add(answer(AccessionNumber="A2"))
    dcmtk.start()
    background.look()
    assert not background.status.problem
    [item] = listed_on(store.worklist, "20261120")
    assert item.accession_number.value == "A2"


def test_a_node_that_stops_does_not_wait_for_a_silent_ris(store: Store) -> None:
    """It took our connection and never answers: a machine that hangs."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        ris = Ris("silent", at(silent.getsockname()[1], "RIS"), Path())
        background = WorklistRefresh(
            ris.scu(),
            plan=WorklistPlan(station_ae_titles=("US1",), modality="US"),
            items=store.worklist,
            notes=store.key_value,
            us=CallBackAddress(ae_title="ECHONODE", host=LOOPBACK, port=11112),
            now=lambda: NOW,
            local_now=lambda: NOW,
        )
        background.start()
        connection, _ = silent.accept()
        began = time.monotonic()
        background.stop(20.0)
        assert time.monotonic() - began < 10.0
        connection.close()


@pytest.mark.timing
def test_the_first_answer_of_a_search_comes_within_300_ms_beyond_the_servers_own_time(
    make_part: Callable[[Part], Any],
) -> None:
    """The server waits a second before it looks; the first item is there within 1.3 s."""
    dcmtk = make_part(Wlmscpfs(options=("-csk", "-dfr", "--sleep-before", "1")))
    ris = Ris("wlmscpfs", at(dcmtk.port, "RIS"), dcmtk.items)
    for number in range(200):
        ris.add(answer(AccessionNumber=f"A{number}"))
    began = time.monotonic()
    found = ris.scu().search(WorklistQuery(patient_id="P-77"))
    first = next(found)
    took = time.monotonic() - began
    assert first.patient.id == "P-77"
    assert took < 1.3
    found.close()  # type: ignore[attr-defined]  # it is a generator

"""The C-STORE SCP: which status an instance gets, and where it goes on to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from echonode.dimse.services import IncomingHead, StoreRequest
from echonode.errors import DimseFailure
from echonode.intake.storage_scp import StorageSCP
from echonode.model.identity import Peer, Service
from echonode.store.store import Store
from tests.unit.store.samples import EXPLICIT_LE, Clock, dataset, encoded


def peer(name: str) -> Peer:
    return Peer(
        name=name,
        ae_title=name.upper(),
        host="127.0.0.1",
        port=104,
        may=frozenset({Service.STORE}),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        yield opened


def send(scp: StorageSCP, number: int = 1, *, caller: str = "scanner", **attributes: Any) -> int:
    """C-STORE a sample, whose command names the sample's own class and UID."""
    ds = dataset(number)
    head = IncomingHead(
        caller=peer(caller),
        sop_class_uid=str(ds.SOPClassUID),
        sop_instance_uid=str(ds.SOPInstanceUID),
        transfer_syntax_uid=EXPLICIT_LE,
    )
    incoming = scp.open_incoming(head)
    incoming.write(encoded(dataset(number, **attributes)))
    return scp.store(StoreRequest(head=head, incoming=incoming))


def queued(store: Store) -> list[tuple[str, str]]:
    return [
        (row.sop_instance_uid, row.destination) for row in store.ledger.rows() if row.destination
    ]


def test_what_arrives_is_durable_and_said_once(store: Store) -> None:
    """0000, one log line without anything of the patient; the same again is 0000 and no line."""
    scp = StorageSCP(store)
    with structlog.testing.capture_logs() as lines:
        assert send(scp) == 0x0000
        assert send(scp) == 0x0000
    [line] = lines
    assert (line["event"], line["sop_instance_uid"]) == ("instance_stored", "1.2.3.4.1")
    assert "Doe" not in str(line)
    assert store.index.instance("1.2.3.4.1") is not None


def test_another_patient_under_a_known_study_uid_is_kept_and_told(store: Store) -> None:
    """0000, and a warning with the UIDs and the sender, without anything of either patient."""
    scp = StorageSCP(store)
    send(scp, 1)
    with structlog.testing.capture_logs() as lines:
        assert send(scp, 2, PatientID="P2", PatientName="Roe^Rick") == 0x0000
    told = next(line for line in lines if line["event"] == "identity_conflict")
    assert (told["kind"], told["study_instance_uid"]) == ("study", "1.2.3.1")
    assert (told["log_level"], told["ae_title"]) == ("warning", "SCANNER")
    assert not any(word in str(lines) for word in ("Doe", "Roe", "P2"))


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"SOPInstanceUID": "1.2.3.4.9"}, 0xA900),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.3.1"}, 0xA900),
        ({"StudyInstanceUID": None}, 0xA900),
        ({"SeriesInstanceUID": "../../etc/passwd"}, 0xA900),
    ],
)
def test_a_dataset_that_is_not_what_its_command_says_is_refused(
    store: Store, attributes: dict[str, Any], status: int
) -> None:
    """A900 with a reason in the log; no file and no row stays."""
    with structlog.testing.capture_logs() as lines, pytest.raises(DimseFailure) as failure:
        send(StorageSCP(store), **attributes)
    assert failure.value.status == status
    assert [line["event"] for line in lines] == ["store_refused"]
    assert store.index.instance("1.2.3.4.1") is None
    assert not list(store.files.scratch.folder.iterdir())


def test_the_same_uid_with_other_bytes_is_refused(store: Store) -> None:
    """A900; the first is kept."""
    scp = StorageSCP(store)
    send(scp)
    with pytest.raises(DimseFailure) as failure:
        send(scp, PatientName="Roe^Rick")
    assert failure.value.status == 0xA900


def test_instances_go_on_by_the_rules_of_their_sender(store: Store) -> None:
    """Queued in the transaction that stores them; from others, nowhere."""
    scp = StorageSCP(store, forwarding={"scanner": ("pacs", "backup")})
    send(scp, 1)
    send(scp, 2, caller="other")
    assert queued(store) == [("1.2.3.4.1", "backup"), ("1.2.3.4.1", "pacs")]


def test_what_is_sent_again_is_queued_where_it_is_not_yet(store: Store) -> None:
    """A stop between file and row leaves no delivery: the sender, who got no
    answer, sends again, and it is queued then; and never twice."""
    send(StorageSCP(store))  # taken in without its delivery
    scp = StorageSCP(store, forwarding={"scanner": ("pacs",)})
    assert send(scp) == 0x0000
    assert send(scp) == 0x0000
    assert queued(store) == [("1.2.3.4.1", "pacs")]


def test_an_instance_that_comes_again_repairs_a_damaged_file_and_that_is_said(store: Store) -> None:
    """0000, the good bytes are kept, and the log names the instance and who brought it."""
    scp = StorageSCP(store)
    assert send(scp) == 0x0000
    damaged = store.index.instance("1.2.3.4.1")
    assert damaged is not None
    damaged.path.write_bytes(damaged.path.read_bytes()[:-1])
    with structlog.testing.capture_logs() as lines:
        assert send(scp) == 0x0000
    [line] = lines
    assert (line["event"], line["log_level"]) == ("instance_repaired", "error")
    assert (line["sop_instance_uid"], line["ae_title"]) == ("1.2.3.4.1", "SCANNER")
    kept = store.index.instance("1.2.3.4.1")
    assert kept is not None
    store.files.check_bytes(kept)


def test_below_the_reserve_a_peer_is_told_to_send_later(store: Store) -> None:
    """A700 before a byte is written, with the reason in the log; with room again it is taken."""
    reasons = ["9% of the disk is free"]
    scp = StorageSCP(store, refusal=lambda: reasons[0] if reasons else "")
    with structlog.testing.capture_logs() as lines, pytest.raises(DimseFailure) as refused:
        send(scp)
    assert refused.value.status == 0xA700
    [line] = lines
    assert (line["event"], line["status"]) == ("store_refused", "0xA700")
    assert line["reason"] == "9% of the disk is free"
    assert list(store.files.scratch.folder.iterdir()) == []
    reasons.clear()
    assert send(scp) == 0x0000

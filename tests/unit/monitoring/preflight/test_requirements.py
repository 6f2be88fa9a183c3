"""What each peer is proved for follows from the configuration."""

from __future__ import annotations

from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.config import Config
from echonode.monitoring.preflight.requirements import Requirements, requirements_of
from echonode.transcoding.codecs import JPEG_BASELINE, JPEG_LS, RLE


def needs(**sections: Any) -> dict[str, Requirements]:
    peers = {
        name: {"ae_title": name.upper(), "host": "127.0.0.1", "port": 104, "may": may}
        for name, may in {
            "pacs": ["commit", "move"],
            "viewer": ["find", "move"],
            "ris": ["echo"],
            "modality": ["store"],
        }.items()
    }
    config = Config.model_validate({"ae_title": "A", "peers": peers, **sections})
    return {need.peer.name: need for need in requirements_of(config)}


def services(need: Requirements) -> set[str]:
    return {context.abstract_syntax for context in need.services}


def test_a_destination_is_proved_by_its_policy() -> None:
    """required wants storage commitment, verify a query, none nothing more than storage."""
    proofs = {
        "required": {"1.2.840.10008.1.20.1"},
        "verify": {"1.2.840.10008.5.1.4.1.2.2.1"},
        "none": set(),
    }
    for policy, proof in proofs.items():
        pacs = needs(destinations=[{"peer": "pacs", "commitment": policy}])["pacs"]
        assert services(pacs) == proof
        assert len(pacs.storage) == 2
        assert not pacs.retrieves


def test_an_archive_is_proved_in_what_delivery_can_send() -> None:
    """Compressed forms count; with loss only where the destination's profile allows it."""
    for lossy, quality in ((None, None), ({"quality": 80}, 80)):
        pacs = needs(destinations=[{"peer": "pacs", "lossy": lossy}])["pacs"]
        proposed = {syntax for context in pacs.storage for syntax in context.transfer_syntaxes}
        assert {ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLE, JPEG_LS} <= proposed
        assert (JPEG_BASELINE in proposed) is (quality is not None)
        assert pacs.lossy_quality == quality


def test_the_worklist_and_the_steps_are_the_riss() -> None:
    """Only the RIS is asked for them."""
    found = needs(worklist={"peer": "ris", "station_ae_title": "US1"}, mpps={"peer": "ris"})
    assert services(found["ris"]) == {"1.2.840.10008.5.1.4.31", "1.2.840.10008.3.1.2.3.3"}
    assert found["ris"].storage == ()
    assert found["ris"].purpose == "worklist; procedure steps"


def test_a_viewer_that_moves_must_take_our_images() -> None:
    """C-MOVE sends them to it: both classes."""
    assert len(needs()["viewer"].storage) == 2


def test_a_peer_that_only_calls_us_has_nothing_to_fail() -> None:
    """We never open an association with it."""
    assert not needs()["modality"].is_called

"""The same objects in EchoNode and in Orthanc: their DICOMweb answers the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from dicomweb_client.api import DICOMwebClient

from tests.benchmarks.work import Address
from tests.integration.store.real_files import RealFile, files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess, OrthancServer
from tests.peers.fixtures import require_program
from tests.peers.orthanc import DICOMWEB_PLUGIN
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

# What Orthanc's plugin answers otherwise, and we as the standard has it: it leaves the transfer
# syntax out, and gives the character set of the file though its answer is UTF-8.
_OTHERWISE = frozenset({"00083002", "00080005"})


class Both:
    """Each with its client, and the files that both took."""

    def __init__(self, parts: ExitStack) -> None:
        require_program("Orthanc")
        port = free_port()
        node = EchoNodeProcess(extra={"web": {"host": LOOPBACK, "port": port}})
        node.add_peer("probe", ae_title="PROBE", may=["store"])
        parts.enter_context(node)
        orthanc = parts.enter_context(OrthancServer(plugins=(DICOMWEB_PLUGIN,)))
        addresses = [
            Address(host=LOOPBACK, port=node.port, called="ECHONODE", calling="PROBE"),
            Address(host=LOOPBACK, port=orthanc.dicom_port, called="ORTHANC", calling="PROBE"),
        ]
        found = [read_real_file(path) for path in files_of("us")]
        self.files = [f for f in found if all(send_real(each, f) == 0 for each in addresses)]
        self.ours = DICOMwebClient(f"http://{LOOPBACK}:{port}/dicom-web")
        self.theirs = DICOMwebClient(orthanc.dicomweb_url)


@pytest.fixture(scope="module")
def both(shared_data: Path) -> Iterator[Both]:
    with ExitStack() as parts:
        yield Both(parts)


def uids(file: RealFile) -> tuple[str, str, str]:
    return file.study_instance_uid, file.series_instance_uid, file.sop_instance_uid


def values(element: dict[str, Any]) -> object:
    """Numbers by their value; an element without a value is one without `Value`."""
    found = element.get("Value") or []
    return [float(each) if isinstance(each, int | float) else each for each in found]


def test_studies_and_counts(both: Both) -> None:
    """The same studies, with the same numbers of series and instances."""
    assert len(both.files) > 5
    tags = ("00100020", "00201206", "00201208", "00080061")
    listed = [
        {
            study["0020000D"]["Value"][0]: {tag: study.get(tag, {}).get("Value") for tag in tags}
            for study in client.search_for_studies()
        }
        for client in (both.ours, both.theirs)
    ]
    assert listed[0] == listed[1]


def test_metadata_of_standard_attributes(both: Both) -> None:
    """Text and numbers of the outermost data set agree, element by element."""
    compared = 0
    for file in both.files:
        ours = both.ours.retrieve_instance_metadata(*uids(file))
        theirs = both.theirs.retrieve_instance_metadata(*uids(file))
        for tag, element in theirs.items():
            is_private = int(tag[3], 16) % 2 == 1
            if is_private or tag in _OTHERWISE or tag >= "7FE0" or tag not in ours:
                continue
            if element["vr"] == ours[tag]["vr"] and element["vr"] not in ("SQ", "UN", "OB", "OW"):
                assert values(ours[tag]) == values(element), (file.path.name, tag)
                compared += 1
    assert compared > 300


def test_frames(both: Both) -> None:
    """The stored bytes of the first frame."""
    compared = 0
    for file in both.files:
        kind: Any = (("application/octet-stream", "*"),)
        try:
            theirs = both.theirs.retrieve_instance_frames(
                *uids(file), frame_numbers=[1], media_types=kind
            )
        except Exception:  # noqa: BLE001  # what Orthanc does not serve is not compared
            continue
        ours = both.ours.retrieve_instance_frames(*uids(file), frame_numbers=[1], media_types=kind)
        assert ours[0].rstrip(b"\0") == theirs[0].rstrip(b"\0"), file.path.name
        compared += 1
    assert compared > 5

"""Large answers of QIDO-RS: paged through, or streamed whole; memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from tests.benchmarks.large_index import Shape, large_index
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.peers import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.full, pytest.mark.timeout(0)]

STUDIES = 30_000


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoNodeProcess]:
    """A node whose index has 30,000 studies."""
    build = tmp_path_factory.mktemp("index")
    made = large_index(Shape(studies=STUDIES, instances=STUDIES * 2), build=build)
    port = free_port()
    with ExitStack() as parts:
        running = EchoNodeProcess(extra={"web": {"host": LOOPBACK, "port": port}})
        running.data_dir.parent.mkdir(parents=True, exist_ok=True)
        made.rename(running.data_dir)
        yield parts.enter_context(running)


def studies(node: EchoNodeProcess, query: str) -> list[str]:
    url = f"http://{LOOPBACK}:{node.extra['web']['port']}/dicom-web/studies"
    answer = requests.get(f"{url}?{query}", timeout=300)
    assert answer.status_code == 200
    assert "Warning" not in answer.headers
    return [study["0020000D"]["Value"][0] for study in answer.json()]


@pytest.mark.parametrize(("key", "page"), [("", 1_000), ("ModalitiesInStudy=US&", 5_000)])
def test_thirty_thousand_studies_are_paged_through(
    node: EchoNodeProcess, key: str, page: int
) -> None:
    """Each once, in the order of the whole list."""
    whole = studies(node, key)
    assert len(set(whole)) == len(whole) > page
    assert key or len(whole) == STUDIES
    pages: list[str] = []
    while part := studies(node, f"{key}limit={page}&offset={len(pages)}"):
        pages += part
    assert pages == whole


def test_a_list_of_any_length_takes_no_memory(node: EchoNodeProcess) -> None:
    """It is streamed."""
    studies(node, "limit=10")
    before = resident_bytes(node.pid)
    reset_peak(node.pid)
    assert len(studies(node, "includefield=all")) == STUDIES
    assert peak_bytes(node.pid) - before < 24 * 1024**2

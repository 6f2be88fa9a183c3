"""DICOMweb over HTTP: EchoNode and Orthanc with the same instances, asked on one connection."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.benchmarks import wire_client
from tests.benchmarks.archive import ORTHANC, Archive, fill, one_study
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.index_find import index_node, shape_of
from tests.benchmarks.large_index import patient_id
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.web_download import check_study, downloaded
from tests.benchmarks.work import CALLING_AE_TITLE, Address, Errand
from tests.peers import EchoNodeProcess, OrthancServer, free_port
from tests.peers.instances import STILL, InstanceKind, Instances, make_instances, renew
from tests.peers.orthanc import DICOMWEB_PLUGIN
from tests.peers.ports import LOOPBACK

CINE: Final = InstanceKind(name="cine 640x480, 100 frames", columns=640, rows=480, frames=100)
TINY: Final = InstanceKind(name="tiny", columns=16, rows=16)
FRAMES: Final = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
METADATA: Final = "application/dicom+json"
STUDY_BYTES: Final = 400_000_000
METADATA_INSTANCES: Final = 1_000
VIEWERS: Final = 8
SETTLING_S: Final = 10.0
TIMEOUT_S: Final = 300.0
ROOM_BYTES: Final = 1024 * 1024


class Client:
    """One connection that is kept.

    Pixels are read into the same megabyte again and again: memory of 400 MB costs a client more
    time than a node takes to send as much, and the client would be measured.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
        self._room = memoryview(bytearray(ROOM_BYTES))

    def get(self, path: str, accept: str) -> bytes:
        """The body. Raises Failed."""
        return self._answer(path, accept).read()

    def size(self, path: str, accept: str) -> int:
        """How long the body is, all of it received. Raises Failed."""
        answer, size = self._answer(path, accept), 0
        while count := answer.readinto(self._room):
            size += count
        return size

    def _answer(self, path: str, accept: str) -> http.client.HTTPResponse:
        self._connection.request("GET", f"/dicom-web{path}", headers={"Accept": accept})
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise Failed(f"{path}: {answer.status}")
        return answer


@dataclass(frozen=True, kw_only=True)
class WebArchive:
    """An archive with DICOMweb; archive: how it is filled."""

    archive: Archive
    port: int

    def instance_path(self, study: str) -> str:
        """Of the study's first instance. Raises Failed."""
        found = Client(self.port).get(f"/studies/{study}/metadata", METADATA)
        series, instance = (_first_uid(found, tag) for tag in ("0020000E", "00080018"))
        return f"/studies/{study}/series/{series}/instances/{instance}"


def _first_uid(metadata: bytes, tag: str) -> str:
    return str(json.loads(metadata)[0][tag]["Value"][0])


@contextmanager
def web_archives() -> Iterator[dict[str, WebArchive]]:
    """Both, empty."""
    port = free_port()
    node = EchoNodeProcess(extra={"web": {"host": LOOPBACK, "port": port}})
    node.add_peer("bench", ae_title=CALLING_AE_TITLE, may=["store", "find"])
    with node, OrthancServer(plugins=(DICOMWEB_PLUGIN,)) as orthanc:
        yield {
            ECHONODE: WebArchive(
                archive=Archive(
                    name=ECHONODE,
                    address=Address(host=node.host, port=node.port, called=node.ae_title),
                    pid=node.pid,
                ),
                port=port,
            ),
            ORTHANC: WebArchive(
                archive=Archive(
                    name=ORTHANC,
                    address=Address(
                        host=orthanc.host, port=orthanc.dicom_port, called=orthanc.ae_title
                    ),
                    pid=orthanc.pid,
                ),
                port=orthanc.http_port,
            ),
        }


# What a contender does once, with an archive that holds a study: the figure.
Ask = Callable[[Client, WebArchive, str, Stage], float]
# What is looked at once, outside the clock: an archive's port, the study and its instances.
Check = Callable[[int, str, Instances], None]


def _set_up(
    kind: InstanceKind,
    count: Callable[[Stage], int],
    ask: Ask,
    stage: Stage,
    *,
    check: Check = lambda port, study, instances: None,
) -> Mapping[str, Callable[[], Contender]]:
    both = stage.parts.enter_context(web_archives())
    instances, study = one_study(stage.folder / "study", kind, count(stage))

    def contender(name: str) -> Contender:
        archive = both[name]
        fill(stage, archive.archive, instances)
        stage.show(f"{name} finishes what it does in the background")
        time.sleep(SETTLING_S)

        def run(*, warm_up: bool) -> float:
            client = Client(archive.port)  # one that waited would have been closed
            client.get("/studies?limit=1", METADATA)
            if warm_up:
                check(archive.port, study, instances)
            return ask(client, archive, study, stage)

        return run

    return {name: partial(contender, name) for name in (ECHONODE, ORTHANC)}


def _frames(client: Client, archive: WebArchive, study: str, stage: Stage) -> float:
    path, count = archive.instance_path(study), stage.scale.echoes // 10
    started = time.perf_counter()
    for number in range(count):
        size = client.size(f"{path}/frames/{number % CINE.frames + 1}", FRAMES)
        if size < CINE.columns * CINE.rows:
            raise Failed("a frame is too short")
    return count / (time.perf_counter() - started)


def _study(client: Client, archive: WebArchive, study: str, stage: Stage) -> float:
    return download_rate(archive.port, study, stage)


def download_rate(port: int, study: str, stage: Stage) -> float:
    """MB/s at which the large study comes. Raises Failed where it is too short."""
    started = time.perf_counter()
    size = downloaded(port, study)
    taken = time.perf_counter() - started
    if size < CINE.pixel_bytes * large_study(stage):
        raise Failed("the study is too short")
    return size / 1e6 / taken


def _metadata(client: Client, archive: WebArchive, study: str, stage: Stage) -> float:
    started = time.perf_counter()
    client.get(f"/studies/{study}/metadata", METADATA)
    return (time.perf_counter() - started) * 1e3


def _slowest_but_one_in_a_hundred(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=100)[-1]


def _one_patient(
    figure: Callable[[Sequence[float]], float], stage: Stage
) -> Mapping[str, Callable[[], Contender]]:
    """Searches over HTTP on one connection, each for another patient."""
    draw = random.Random(7)

    def contender() -> Contender:
        _, web_port, _ = index_node(stage)
        patients = shape_of(stage).patients

        def run(*, warm_up: bool) -> float:
            client = Client(web_port)
            return figure([searched(client, patients) for _ in range(300)])

        return run

    def searched(client: Client, patients: int) -> float:
        wanted = patient_id(draw.randrange(patients // 10))  # those who came
        started = time.perf_counter()
        found = client.get(f"/studies?PatientID={wanted}", METADATA)
        taken = (time.perf_counter() - started) * 1e3
        if not json.loads(found):
            raise Failed("the patient was not found")
        return taken

    return {ECHONODE: contender}


class _Scrolling:
    """The rate of C-STORE while viewers scroll, as a share of the rate without them."""

    def __init__(self, archive: WebArchive, study: str, stills: Instances) -> None:
        self._archive, self._stills = archive, stills
        self._path = archive.instance_path(study)

    def __call__(self, *, warm_up: bool) -> float:
        alone = self._rate()
        stop = threading.Event()
        with ExitStack() as viewers:
            viewers.callback(stop.set)
            threads = [threading.Thread(target=self._scroll, args=(stop,)) for _ in range(VIEWERS)]
            for thread in threads:
                thread.start()
            beside = self._rate()
        for thread in threads:
            thread.join()
        return beside / alone

    def _rate(self) -> float:
        self._stills = renew(self._stills)
        started = time.perf_counter()
        statuses = wire_client.send(Errand.of(self._stills), self._archive.archive.address)
        if any(statuses):
            raise Failed("an instance was refused")
        return len(statuses) / (time.perf_counter() - started)

    def _scroll(self, stop: threading.Event) -> None:
        """As a person does: some twenty frames a second."""
        client = Client(self._archive.port)
        for number in itertools.count():
            if stop.wait(0.05):
                return
            client.size(f"{self._path}/frames/{number % CINE.frames + 1}", FRAMES)


def _scrolling(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    both = stage.parts.enter_context(web_archives())
    instances, study = one_study(stage.folder / "study", CINE, 1)
    stills = make_instances(stage.folder / "stills", STILL, stage.scale.stills)

    def contender(name: str) -> Contender:
        fill(stage, both[name].archive, instances)
        return _Scrolling(both[name], study, stills)

    return {name: partial(contender, name) for name in (ECHONODE, ORTHANC)}


def large_study(stage: Stage) -> int:
    """As many cines as make 400 MB; of a quick run a few."""
    whole = -(-STUDY_BYTES // CINE.pixel_bytes)
    return min(whole, stage.scale.study_instances)


WEB_BENCHMARKS: Final = (
    Benchmark(
        name="DICOMweb, single frames on one connection",
        unit="frames/s",
        better=Better.HIGHER,
        set_up=partial(_set_up, CINE, lambda stage: 1, _frames),
        goal=Goal(at_least=5, reach=500),
    ),
    Benchmark(
        name="DICOMweb, a study of 400 MB",
        unit="MB/s",
        better=Better.HIGHER,
        set_up=partial(_set_up, CINE, large_study, _study, check=check_study),
        goal=Goal(at_least=5),
    ),
    Benchmark(
        name="DICOMweb, metadata of 1,000 instances",
        unit="ms",
        better=Better.LOWER,
        set_up=partial(_set_up, TINY, lambda stage: METADATA_INSTANCES, _metadata),
        goal=Goal(below=50),
    ),
    Benchmark(
        name="DICOMweb, one patient among 100,000 studies",
        unit="ms",
        better=Better.LOWER,
        set_up=partial(_one_patient, statistics.median),
        goal=Goal(below=10),
    ),
    Benchmark(
        name="DICOMweb, one patient among 100,000 studies, 99 of 100 searches",
        unit="ms",
        better=Better.LOWER,
        set_up=partial(_one_patient, _slowest_but_one_in_a_hundred),
        goal=Goal(below=10),
    ),
    Benchmark(
        name="C-STORE beside 8 viewers that scroll, share of its rate alone",
        unit="share",
        better=Better.HIGHER,
        set_up=_scrolling,
        goal=Goal(reach=0.5),
    ),
)

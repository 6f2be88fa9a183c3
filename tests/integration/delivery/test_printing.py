"""Printing against DCMTK's print SCP, and against one that is off, without film, or unwilling."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pynetdicom import AE, evt

from echonode.delivery.printing.film import PRINTER, grey
from echonode.dimse.contexts import PRESENTATION_LUT_CLASS, PRINT_META_CLASS
from tests.peers import EchoNodeProcess
from tests.peers.dcmtk import DcmtkResult
from tests.peers.instances import InstanceKind, make_instances
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.printer import AE_TITLE, PrintScp
from tests.peers.silent_printer import silent_printer
from tests.starts.commands import echonode
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]
GREY = InstanceKind(name="grey", columns=64, rows=48)
COLOUR = InstanceKind(name="colour", columns=32, rows=40, samples=3)
CLIP = InstanceKind(name="clip", columns=48, rows=32, frames=5)
PAIRS = InstanceKind(name="pairs", columns=40, rows=24, samples=3)  # native YBR_FULL_422


class Rig:
    """A node with a study of six images and clips, and a printer's address."""

    def __init__(
        self, parts: ExitStack, folder: Path, dcmtk: Callable[..., DcmtkResult], port: int
    ) -> None:
        self.web = free_port()
        self.node = EchoNodeProcess(
            extra={
                "web": {"host": LOOPBACK, "port": self.web},
                "prints": [{"peer": "films", "magnification": "CUBIC"}],
            }
        )
        self.node.add_peer("films", ae_title=AE_TITLE, port=port, may=["echo"])
        self.node.add_peer("scu", ae_title="SCU", may=["echo", "store"])
        parts.enter_context(self.node)
        study = pydicom.uid.generate_uid(prefix=None)
        series = pydicom.uid.generate_uid(prefix=None)
        self.study, self.pictures = str(study), list[NDArray[np.uint8]]()
        for kind, count in ((GREY, 2), (COLOUR, 2), (PAIRS, 1), (CLIP, 1)):
            made = folder / kind.name
            made.mkdir(exist_ok=True)
            for file in make_instances(made, kind, count).files:
                ds = pydicom.dcmread(file)
                ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
                if kind is PAIRS:
                    ds.PhotometricInterpretation = "YBR_FULL_422"
                    ds.PixelData = ds.PixelData[: 2 * kind.rows * kind.columns]
                ds.save_as(file)
                sent = dcmtk(
                    *("storescu", "-aet", "SCU", "-aec", "ECHONODE"),
                    *(LOOPBACK, self.node.port, file),
                )
                assert sent.ok, sent.output
                pixels = pixel_array(file)  # by pydicom; YBR as RGB
                self.pictures.append(grey(pixels[2] if kind is CLIP else pixels))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return echonode("print", *arguments, "--config", self.node.config_file)

    def print_study(self, layout: str) -> int:
        done = self.command("--study", self.study, "--layout", layout, "--json")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)[0]["id"])

    def job(self, number: int) -> dict[str, Any]:
        answer = requests.get(f"http://{LOOPBACK}:{self.web}/api/prints", timeout=30).json()
        return next(job for job in answer["jobs"] if job["id"] == number)

    def wait(self, number: int, state: str) -> dict[str, Any]:
        def reached() -> bool:
            job = self.job(number)
            return bool(job["state"] == state and (state != "waiting" or job["problem"]))

        wait_until(
            reached,
            lambda: f"{state}: {self.job(number)} {self.node.log.events[-2:]}",
            timeout_s=30,
        )
        return self.job(number)


@pytest.fixture
def make_rig(
    tmp_path: Path, run_dcmtk: Callable[..., DcmtkResult], parts: ExitStack
) -> Callable[[int], Rig]:
    return lambda port: Rig(parts, tmp_path, run_dcmtk, port)


def printed_pixels(printer: PrintScp) -> list[bytes]:
    return sorted(pydicom.dcmread(file).pixel_array.tobytes() for file in printer.hardcopies())


def test_what_comes_out_is_what_is_shown_in_four_layouts(
    make_part: Callable[[PrintScp], PrintScp], make_rig: Callable[[int], Rig]
) -> None:
    """Six pictures on films of 1x1, 1x2, 2x2 and 3x4: each pixel on paper equals ours.

    The Presentation LUT is IDENTITY, so what is written are the P-values that were sent.
    """
    printer = make_part(PrintScp())
    rig = make_rig(printer.port)
    expected: list[bytes] = []
    for layout, films in (("1x1", 6), ("1x2", 3), ("2x2", 2), ("3x4", 1)):
        job = rig.wait(rig.print_study(layout), "printed")
        assert (job["films"], job["films_done"], job["problem"]) == (films, films, "")
        expected += [picture.tobytes() for picture in rig.pictures]
        assert printed_pixels(printer) == sorted(expected)
    [stored, *_] = sorted(printer.folder.glob("database/SP_*.dcm"), key=lambda f: f.stat().st_mtime)
    film = pydicom.dcmread(stored)
    assert film.FilmBoxContentSequence[0].ImageDisplayFormat.startswith("STANDARD")
    listed = rig.command()
    assert "printed, 1 of 1 films of 3x4 on films" in listed.stdout
    said = rig.node.log.wait_for("film_printed")
    assert said["presentation_lut"] is True


def test_a_printer_that_is_off_gets_the_job_when_it_is_on(
    make_part: Callable[[PrintScp], PrintScp], make_rig: Callable[[int], Rig]
) -> None:
    """The job is durable: it is said why it waits, survives a kill of the node, and is resumed."""
    printer = PrintScp()
    rig = make_rig(printer.port)
    number = rig.print_study("2x2")
    assert AE_TITLE in rig.wait(number, "waiting")["problem"]
    rig.node.kill()
    make_part(printer)
    rig.node.start()
    assert rig.command("--retry", str(number)).returncode == 0
    assert rig.wait(number, "printed")["films_done"] == 2
    assert printed_pixels(printer) == sorted(picture.tobytes() for picture in rig.pictures)


def test_a_printer_that_refuses_the_layout_holds_the_job(
    make_part: Callable[[PrintScp], PrintScp], make_rig: Callable[[int], Rig]
) -> None:
    """The printer's status and the step are said; another layout goes through at once."""
    printer = make_part(PrintScp(formats="1,1"))
    rig = make_rig(printer.port)
    number = rig.print_study("2x2")
    assert "film box 2x2" in rig.wait(number, "held")["problem"]
    rig.wait(rig.print_study("1x1"), "printed")
    assert rig.command("--cancel", str(number)).returncode == 0
    assert rig.job(number)["state"] == "cancelled"
    assert rig.command("--cancel", str(number)).returncode == 1
    assert rig.command("--study", rig.study, "--layout", "4x4").returncode == 2


@contextmanager
def a_printer_without_film(state: dict[str, str]) -> Iterator[int]:
    """A printer whose state a test sets, and that takes no film."""

    def get(_: evt.Event) -> tuple[int, Dataset]:
        found = Dataset()
        found.PrinterStatus, found.PrinterStatusInfo = state["status"], state["info"]
        return 0x0000, found

    def create(_: evt.Event) -> tuple[int, None]:
        return 0xC602, None  # the print queue is full

    ae = AE(ae_title=AE_TITLE)
    ae.add_supported_context(PRINT_META_CLASS)
    ae.add_supported_context("1.2.840.10008.1.1")
    ae.add_supported_context(PRESENTATION_LUT_CLASS)
    handlers: list[Any] = [(evt.EVT_N_GET, get), (evt.EVT_N_CREATE, create)]
    server = ae.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()


def test_a_printer_without_film_is_asked_again_later(
    make_rig: Callable[[int], Rig], parts: ExitStack
) -> None:
    """FAILURE and SUPPLY EMPTY: nothing is sent to it, and both the queue and preflight say so."""
    state = {"status": "FAILURE", "info": "SUPPLY EMPTY"}
    rig = make_rig(parts.enter_context(a_printer_without_film(state)))
    number = rig.print_study("1x1")
    assert rig.wait(number, "waiting")["problem"] == "the printer says FAILURE, SUPPLY EMPTY"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "echonode", "preflight", "--peer", "films", "--json"),
            *("--config", str(rig.node.config_file)),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    [peer] = json.loads(done.stdout)["peers"]
    [step] = [step for step in peer["steps"] if step["name"] == "printer"]
    assert (done.returncode, step["ok"]) == (1, False)
    assert step["detail"] == "it says FAILURE, SUPPLY EMPTY"
    state.update(status="NORMAL", info="NORMAL")
    assert rig.command("--retry", str(number)).returncode == 0
    wait_until(
        lambda: "C602" in rig.job(number)["problem"], lambda: str(rig.job(number)), timeout_s=60
    )
    assert rig.job(number)["state"] == "waiting"  # a full queue is no reason to give up
    assert PRINTER[1] == "1.2.840.10008.5.1.1.17"


def test_a_film_at_the_printer_when_the_node_is_killed_is_not_printed_again(
    make_rig: Callable[[int], Rig], parts: ExitStack
) -> None:
    """Killed between N-ACTION and the recorded answer: the next node asks a person. `--came-out`
    goes on with the second film; `--retry`, after another kill there, prints that one again.
    """
    printer = parts.enter_context(silent_printer())
    rig = make_rig(printer.port)
    printer.answers.clear()
    number = rig.print_study("1x1")
    assert printer.asked.wait(30)
    for film, action in ((1, "--came-out"), (2, "--retry")):
        rig.node.kill()
        printer.asked.clear()
        rig.node.start()
        found = rig.wait(number, "unknown")
        assert (found["film_in_doubt"], found["films_done"]) == (film, film - 1)
        assert f"film {film} was given to the printer" in found["problem"]
        assert rig.node.log.wait_for("print_unknown")["alarm"] is True
        assert printer.films == film
        if action == "--retry":
            printer.answers.set()
        assert rig.command(action, str(number)).returncode == 0
        assert printer.asked.wait(30)
    done = rig.wait(number, "printed")
    assert (done["films_done"], done["film_in_doubt"], printer.films) == (6, None, 7)
    assert rig.command("--came-out", str(number)).returncode == 1


def test_a_printer_that_ends_the_association_at_the_print_is_not_asked_again(
    make_rig: Callable[[int], Rig], parts: ExitStack
) -> None:
    """An abort in place of the answer says nothing of the film; the next job is printed."""
    printer = parts.enter_context(silent_printer())
    rig = make_rig(printer.port)
    printer.aborts = True
    number = rig.print_study("1x1")
    found = rig.wait(number, "unknown")
    assert (found["film_in_doubt"], printer.films) == (1, 1)
    assert "did not answer" in found["problem"]
    printer.aborts = False
    rig.wait(rig.print_study("1x1"), "printed")
    assert (rig.job(number)["state"], printer.films) == ("unknown", 7)

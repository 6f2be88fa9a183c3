"""A printer whose answer to the print (N-ACTION) a test keeps back or leaves out.

Scripted, because no real printer falls silent between a film and its answer when a test asks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from pynetdicom import AE, evt

from echonode.dimse.contexts import PRESENTATION_LUT_CLASS, PRINT_META_CLASS
from tests.peers.ports import LOOPBACK
from tests.peers.printer import AE_TITLE

_FILM_BOX = "1.2.840.10008.5.1.1.2"
_IMAGE_BOX = "1.2.840.10008.5.1.1.4"
_ANSWER_S = 60.0


class SilentPrinter:
    """films: the prints that were asked for. `answers` is set: each is answered at once.

    aborts: the association is ended in place of the answer.
    """

    def __init__(self) -> None:
        self.films = 0
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.answers.set()
        self.aborts = False
        self.port = 0

    def print_film(self, event: evt.Event) -> tuple[int, None]:
        """N-ACTION: the film comes out now, and the answer later."""
        self.films += 1
        self.asked.set()
        if self.aborts:
            event.assoc.abort()
        self.answers.wait(_ANSWER_S)
        return 0x0000, None


def _create(event: evt.Event) -> tuple[int, Dataset]:
    made = Dataset()
    made.AffectedSOPInstanceUID = generate_uid(prefix=None)
    if event.request.AffectedSOPClassUID == _FILM_BOX:
        place = Dataset()
        place.ReferencedSOPClassUID = _IMAGE_BOX
        place.ReferencedSOPInstanceUID = generate_uid(prefix=None)
        made.ReferencedImageBoxSequence = Sequence([place])
    return 0x0000, made


def _state(_: evt.Event) -> tuple[int, Dataset]:
    found = Dataset()
    found.PrinterStatus, found.PrinterStatusInfo = "NORMAL", "NORMAL"
    return 0x0000, found


@contextmanager
def silent_printer() -> Iterator[SilentPrinter]:
    """It takes films of one picture, until the block ends."""
    printer = SilentPrinter()
    ae = AE(ae_title=AE_TITLE)
    for context in (PRINT_META_CLASS, PRESENTATION_LUT_CLASS, "1.2.840.10008.1.1"):
        ae.add_supported_context(context)
    handlers: list[Any] = [
        (evt.EVT_N_GET, _state),
        (evt.EVT_N_CREATE, _create),
        (evt.EVT_N_SET, lambda event: (0x0000, event.modification_list)),
        (evt.EVT_N_ACTION, printer.print_film),
    ]
    server = ae.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
    assert server is not None
    printer.port = int(server.server_address[1])
    try:
        yield printer
    finally:
        printer.answers.set()
        server.shutdown()

"""One film, from the printer's state to the print, on one association (PS3.4 H.4).

Rules
- The printer is asked for its state first (N-GET): a film that is given to a printer without paper
  is lost in some of them.
- The image boxes' UIDs come in the answer to the film box, and nowhere else.
- A printer without Presentation LUT gets the film without one: what is sent is then made for its
  densities, where they are configured. Where they are not, it has its own idea of grey. Both are
  said.
- A warning of the printer (PS3.4 H.4: B600 to B60A) is no refusal. Failures name the step.
- Without an answer to the print (N-ACTION) it is not known whether the film comes out. The Print
  Job that a printer may answer by (PS3.4 H.4.5) is named in that answer alone: it cannot be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echonode.delivery.printing import film
from echonode.delivery.printing.film import FilmSettings, Layout
from echonode.dimse.contexts import PRESENTATION_LUT_CLASS, PRINT_META_CLASS
from echonode.dimse.services import NormalizedResponse
from echonode.errors import ContextNotAccepted, DimseFailure, NetworkError
from echonode.model.parse_faults import fenced
from echonode.model.status import StatusKind, kind_of

_PRINT_ACTION = 1  # PS3.4 H.4.2.2.4: print the film box
FAILURE = "FAILURE"
# Of Printer Status Info (PS3.3 C.13.9.1): a film would not come out, whatever the status says.
_NOTHING_COMES_OUT = ("SUPPLY EMPTY", "RECEIVER FULL", "COVER OPEN", "ELEC DOWN", "FILM JAM")


class NotPrinted(Exception):
    """The printer cannot now, or will not. is_for_good: asking again would end the same.

    Raised between the parts of printing/ alone: the worker writes it down.
    """

    def __init__(self, reason: str, *, is_for_good: bool) -> None:
        super().__init__(reason)
        self.is_for_good = is_for_good


class PrintUnanswered(Exception):
    """The film was given to the printer, and no answer came that can be read. Raised as above."""


@dataclass(frozen=True, kw_only=True)
class PrinterState:
    """What the printer says of itself. status: NORMAL, WARNING or FAILURE; '' for none."""

    status: str = ""
    info: str = ""
    name: str = ""

    @property
    def prints(self) -> bool:
        """Whether a film would come out."""
        return self.status != FAILURE and self.info not in _NOTHING_COMES_OUT

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.status, self.info))) or "it does not say its state"


class Association(Protocol):
    """dimse.requested_association.RequestedAssociation, as far as it is needed."""

    def n_create_in(
        self,
        context: str,
        sop_class_uid: str,
        attributes: Dataset | None = None,
        *,
        sop_instance_uid: str = "",
    ) -> NormalizedResponse: ...

    def n_get_in(self, context: str, instance: tuple[str, str]) -> NormalizedResponse: ...

    def n_set_in(
        self, context: str, instance: tuple[str, str], modifications: Dataset
    ) -> NormalizedResponse: ...

    def n_action_in(
        self, context: str, instance: tuple[str, str], action: int
    ) -> NormalizedResponse: ...


def state_of(association: Association) -> PrinterState:
    """N-GET of the printer. Raises NetworkError, NotPrinted."""
    answer = association.n_get_in(PRINT_META_CLASS, film.PRINTER)
    _check(answer, "its state (N-GET)")
    found = answer.attributes or Dataset()
    with fenced("the printer's state cannot be read"):
        return PrinterState(
            status=str(found.get("PrinterStatus") or "").strip(),
            info=str(found.get("PrinterStatusInfo") or "").strip()[:64],
            name=str(found.get("PrinterName") or "").strip()[:64],
        )


def print_film(
    association: Association,
    pictures: Sequence[NDArray[np.uint8]],
    layout: Layout,
    settings: FilmSettings,
    *,
    copies: int,
    before_print: Callable[[], None],
) -> bool:
    """Print one film; False where the printer takes no Presentation LUT.

    pictures: at most layout.places of them. before_print: called just before the film is given to
    the printer. Raises NetworkError and NotPrinted while no film comes out, PrintUnanswered where
    that is not known, and what before_print raises.
    """
    state = state_of(association)
    if not state.prints:
        raise NotPrinted(f"the printer says {state}", is_for_good=False)
    session = association.n_create_in(
        PRINT_META_CLASS, film.SESSION_CLASS, film.session(settings, copies=copies)
    )
    _check(session, "the film session")
    lut_uid = _lut(association)
    box = association.n_create_in(
        PRINT_META_CLASS,
        film.FILM_BOX_CLASS,
        film.film_box(layout, settings, session_uid=session.sop_instance_uid, lut_uid=lut_uid),
    )
    _check(box, f"the film box {layout}")
    if not lut_uid and settings.densities is not None:
        pictures = [film.of_linear_density(each, settings.densities) for each in pictures]
    places = _image_boxes(box)
    if len(places) < len(pictures):
        raise NotPrinted(
            f"the printer has {len(places)} places on a film of {layout}", is_for_good=True
        )
    for position, (place, picture) in enumerate(zip(places, pictures, strict=False), start=1):
        filled = association.n_set_in(
            PRINT_META_CLASS, place, film.image_box(picture, position=position)
        )
        _check(filled, f"picture {position}")
    before_print()
    try:
        printed = association.n_action_in(
            PRINT_META_CLASS, (film.FILM_BOX_CLASS, box.sop_instance_uid), _PRINT_ACTION
        )
    except (NetworkError, DimseFailure) as error:
        raise PrintUnanswered(str(error)) from error
    _check(printed, "the print (N-ACTION)")
    return bool(lut_uid)


def _lut(association: Association) -> str:
    """The UID of a Presentation LUT at the printer; '' where it takes none."""
    try:
        answer = association.n_create_in(
            PRESENTATION_LUT_CLASS, PRESENTATION_LUT_CLASS, film.identity_lut()
        )
    except ContextNotAccepted:
        return ""
    return answer.sop_instance_uid if kind_of(answer.status) is not StatusKind.FAILURE else ""


def _image_boxes(answer: NormalizedResponse) -> list[tuple[str, str]]:
    found = answer.attributes or Dataset()
    with fenced("the printer's image boxes cannot be read"):
        return [
            (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
            for item in found.get("ReferencedImageBoxSequence") or ()
        ]


def _check(answer: NormalizedResponse, what: str) -> None:
    """Raises NotPrinted for a failure: 01xx and Cxxx will end the same the next time."""
    if kind_of(answer.status) is not StatusKind.FAILURE:
        return
    comment = f" ({answer.comment})" if answer.comment else ""
    raise NotPrinted(
        f"the printer refuses {what}: {answer.status:04X}{comment}",
        # C602: the print queue is full; C603, C616: not now (PS3.4 H.4.1.2.2.3, H.4.2.2.4).
        is_for_good=answer.status not in (0xC602, 0xC603, 0x0110),
    )

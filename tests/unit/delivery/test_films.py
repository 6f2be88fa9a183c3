"""Films as values: layouts, greys, and the attributes that a printer gets."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.delivery.printing.conversation import PrinterState
from echonode.delivery.printing.film import (
    Densities,
    FilmSettings,
    Layout,
    film_box,
    films,
    grey,
    identity_lut,
    image_box,
    layout_of,
    of_linear_density,
    session,
)
from echonode.errors import IllegalTransition, UsageError
from echonode.model.print_job import PrintEvent, PrintState, after


def test_layouts_go_from_one_to_three_by_four() -> None:
    """Columns x rows; everything else is bad usage that says what to give."""
    assert layout_of("2x3") == Layout(columns=2, rows=3)
    assert layout_of("3x4").display_format == "STANDARD\\3,4"
    for wrong in ("", "2", "0x1", "4x1", "1x5", "2X3", "\uff12x2", "2x3\n"):
        with pytest.raises(UsageError) as caught:
            layout_of(wrong)
        assert "from 1x1 to 3x4" in str(caught.value)


def test_a_study_takes_as_many_films_as_it_needs() -> None:
    """The last film may have empty places."""
    assert [films([0] * n, layout_of("2x2")) for n in (1, 4, 5, 8, 9)] == [1, 1, 2, 2, 3]


def test_a_picture_in_colour_is_printed_by_its_luminance() -> None:
    """Grey stays what it is; red, green and blue weigh as in YBR_FULL."""
    one = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(grey(one), one)
    assert np.array_equal(grey(one[..., None]), one)
    assert np.array_equal(grey(np.stack([one] * 3, axis=-1)), one)
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    assert grey(colours).tolist() == [[76, 150, 29]]


def test_a_printer_without_a_presentation_lut_gets_values_for_its_densities() -> None:
    """Film of 0.2 to 3.0 D shows PS3.14 table D.2-1: P-value 128 is 1.122 D. A LUT leaves them."""
    densities = Densities(least=0.2, most=3.0)
    made = of_linear_density(np.array([[0, 128, 255]], dtype=np.uint8), densities)
    shown = 3.0 - made / 255 * (3.0 - 0.2)
    assert shown[0] == pytest.approx([3.0, 1.122, 0.2], abs=0.006)
    settings = FilmSettings(densities=densities)
    box = film_box(layout_of("1x1"), settings, session_uid="1.2")
    assert (box.MinDensity, box.MaxDensity) == (20, 300)
    assert "MinDensity" not in film_box(
        layout_of("1x1"), settings, session_uid="1.2", lut_uid="1.3"
    )


def test_what_is_not_configured_is_not_asked_for() -> None:
    """A printer refuses a film box with a value that it does not know: its defaults are left."""
    box = film_box(layout_of("1x1"), FilmSettings(), session_uid="1.2", lut_uid="1.3")
    assert [element.keyword for element in box] == [
        *("ImageDisplayFormat", "ReferencedFilmSessionSequence"),
        "ReferencedPresentationLUTSequence",
    ]
    asked = FilmSettings(film_size="14INX17IN", medium="PAPER", magnification="CUBIC")
    assert film_box(layout_of("1x1"), asked, session_uid="1.2").FilmSizeID == "14INX17IN"
    assert session(asked, copies=2).MediumType == "PAPER"
    assert session(asked, copies=2).NumberOfCopies == 2
    assert identity_lut().PresentationLUTShape == "IDENTITY"


def test_an_image_box_has_an_even_number_of_bytes() -> None:
    """PS3.5 7.1.1: also where the picture has an odd number of pixels."""
    box = image_box(np.zeros((3, 5), dtype=np.uint8), position=2)
    [image] = box.BasicGrayscaleImageSequence
    assert (box.ImageBoxPosition, image.Rows, image.Columns, len(image.PixelData)) == (2, 3, 5, 16)


@pytest.mark.parametrize(
    ("status", "info", "prints"),
    [
        ("NORMAL", "NORMAL", True),
        ("WARNING", "SUPPLY LOW", True),
        ("WARNING", "SUPPLY EMPTY", False),
        ("FAILURE", "", False),
        ("", "", True),
    ],
)
def test_a_printer_says_whether_a_film_would_come_out(status: str, info: str, prints: bool) -> None:
    """By Printer Status and Printer Status Info."""
    assert PrinterState(status=status, info=info).prints is prints


def test_a_job_that_is_over_stays_over() -> None:
    """Printed and cancelled take no event; what was interrupted waits again."""
    for state in (PrintState.PRINTED, PrintState.CANCELLED):
        for event in PrintEvent:
            with pytest.raises(IllegalTransition):
                after(state, event)
    assert after(PrintState.PRINTING, PrintEvent.INTERRUPTED) is PrintState.WAITING

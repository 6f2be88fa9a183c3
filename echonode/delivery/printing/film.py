"""A film: a layout, pictures in its places, and the attributes that a printer gets (PS3.3 C.13).

Rules
- Pure. Attributes that were not configured are left out: a printer has its own defaults, and
  refuses a film box with a value that it does not know (0106).
- Image boxes are counted by row, from 1 on (PS3.3 C.13.5). A film is filled in that order, and
  places that are left over stay empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from echonode.errors import UsageError
from echonode.transcoding.grayscale_display import density_of_p_values

SESSION_CLASS: Final = "1.2.840.10008.5.1.1.1"
FILM_BOX_CLASS: Final = "1.2.840.10008.5.1.1.2"
PRINTER: Final = ("1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.17")  # class, its one instance

MOST_COLUMNS, MOST_ROWS, MOST_COPIES = 3, 4, 10
_LAYOUT = re.compile(r"([1-9])x([1-9])", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """So many columns and rows of pictures on a film."""

    columns: int
    rows: int

    @property
    def places(self) -> int:
        return self.columns * self.rows

    @property
    def display_format(self) -> str:
        """Image Display Format (2010,0010)."""
        return f"STANDARD\\{self.columns},{self.rows}"

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"


def layout_of(text: str) -> Layout:
    """`2x3`: two columns, three rows. Raises UsageError."""
    found = _LAYOUT.fullmatch(text)
    columns, rows = (int(part) for part in found.groups()) if found else (0, 0)
    if not (0 < columns <= MOST_COLUMNS and 0 < rows <= MOST_ROWS):
        raise UsageError(
            f"{text!r} is not a layout: give COLUMNSxROWS, from 1x1 to {MOST_COLUMNS}x{MOST_ROWS}"
        )
    return Layout(columns=columns, rows=rows)


@dataclass(frozen=True, kw_only=True)
class Densities:
    """What a printer without Presentation LUT makes of grey values: the lowest the optical density
    `most`, the highest `least`, and between them linear.
    """

    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class FilmSettings:
    """What of the printer's choices is asked for; '' leaves it to the printer (PS3.3 C.13.1, 3).

    densities: of a printer that takes no Presentation LUT; None where they are not known.
    """

    film_size: str = ""
    medium: str = ""
    destination: str = ""
    orientation: str = ""
    magnification: str = ""
    densities: Densities | None = None


def session(settings: FilmSettings, *, copies: int) -> Dataset:
    """The Basic Film Session (PS3.3 C.13.1)."""
    attributes = Dataset()
    attributes.NumberOfCopies = copies
    if settings.medium:
        attributes.MediumType = settings.medium
    if settings.destination:
        attributes.FilmDestination = settings.destination
    return attributes


def film_box(
    layout: Layout, settings: FilmSettings, *, session_uid: str, lut_uid: str = ""
) -> Dataset:
    """The Basic Film Box (PS3.3 C.13.3). lut_uid: of a Presentation LUT; '' where there is none."""
    attributes = Dataset()
    attributes.ImageDisplayFormat = layout.display_format
    if settings.orientation:
        attributes.FilmOrientation = settings.orientation
    if settings.film_size:
        attributes.FilmSizeID = settings.film_size
    if settings.magnification:
        attributes.MagnificationType = settings.magnification
    attributes.ReferencedFilmSessionSequence = Items([_reference(SESSION_CLASS, session_uid)])
    if not lut_uid and settings.densities is not None:  # in hundredths of OD (PS3.3 C.13.3)
        attributes.MinDensity = round(settings.densities.least * 100)
        attributes.MaxDensity = round(settings.densities.most * 100)
    if lut_uid:
        lut = _reference("1.2.840.10008.5.1.1.23", lut_uid)
        attributes.ReferencedPresentationLUTSequence = Items([lut])
    return attributes


def identity_lut() -> Dataset:
    """A Presentation LUT of shape IDENTITY: what we send are P-values (PS3.3 C.11.6, PS3.14)."""
    attributes = Dataset()
    attributes.PresentationLUTShape = "IDENTITY"
    return attributes


def image_box(picture: NDArray[np.uint8], *, position: int) -> Dataset:
    """The Basic Grayscale Image Box (PS3.3 C.13.5). picture: rows x columns of P-values."""
    rows, columns = picture.shape
    image = Dataset()
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = rows, columns
    image.PixelAspectRatio = [1, 1]
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PixelRepresentation = 0
    data = picture.tobytes()
    image.PixelData = data + b"\0" * (len(data) % 2)
    image["PixelData"].VR = "OW"
    box = Dataset()
    box.ImageBoxPosition = position
    box.BasicGrayscaleImageSequence = Items([image])
    return box


def of_linear_density(picture: NDArray[np.uint8], densities: Densities) -> NDArray[np.uint8]:
    """P-values as the values that such a printer shows as PS3.14 says."""
    wanted = density_of_p_values(np.arange(256) / 255, least=densities.least, most=densities.most)
    share = (densities.most - wanted) / (densities.most - densities.least)
    table: NDArray[np.uint8] = np.rint(np.clip(share, 0.0, 1.0) * 255).astype(np.uint8)
    return table[picture]


def films(pictures: Sequence[object], layout: Layout) -> int:
    """How many films so many pictures take."""
    return -(-len(pictures) // layout.places)


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as P-values: a grey one as it is, a colour one by its luminance.

    picture: rows x columns, perhaps with one or three values each. The weights are those of Y in
    YBR_FULL (PS3.3 C.7.6.3.1.2).
    """
    if picture.ndim == 2:
        return picture
    if picture.shape[2] == 1:
        return picture[..., 0]
    weighed = picture[..., :3] @ np.array([0.299, 0.587, 0.114])
    result: NDArray[np.uint8] = np.rint(weighed).astype(np.uint8)
    return result


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item

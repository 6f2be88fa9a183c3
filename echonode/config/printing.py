"""`prints`: printers by DICOM, and what of their choices is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from echonode.config.fields import Section

Choice = Annotated[str, Field(pattern=r"^[A-Z0-9_ ]{1,16}$")]  # a CS value (PS3.5 6.2)


Density = Annotated[float, Field(ge=0, le=4.5)]


class FilmDensities(Section):
    """The optical densities of a printer that takes no Presentation LUT."""

    least: Density = 0.2
    """Of its brightest grey. Example: 0.2"""
    most: Density = 3.0
    """Of its darkest grey. Example: 3.0"""

    @model_validator(mode="after")
    def _in_order(self) -> FilmDensities:
        if not self.least < self.most:
            raise ValueError("`least` must be below `most`")
        return self


class PrinterSection(Section):
    """A printer by DICOM (Basic Grayscale Print Management, PS3.4 annex H)."""

    peer: str
    """The entry under `peers` that it is. Example: filmprinter"""
    film_size: Choice | None = None
    """Film Size ID (2010,0050), as the printer's conformance statement lists them; without it, the
    printer's own. Example: 14INX17IN"""
    medium: Choice | None = None
    """Medium Type (2000,0030). Example: PAPER"""
    destination: Choice | None = None
    """Film Destination (2000,0040). Example: PROCESSOR"""
    orientation: Literal["PORTRAIT", "LANDSCAPE"] | None = None
    """Film Orientation (2010,0040). Example: PORTRAIT"""
    magnification: Literal["REPLICATE", "BILINEAR", "CUBIC", "NONE"] | None = None
    """Magnification Type (2010,0060): how the printer enlarges a picture to its place.
    Example: CUBIC"""
    densities: FilmDensities | None = None
    """Of a printer that takes no Presentation LUT and makes densities that are linear in the
    values: greys are then made for it by PS3.14. Example: {least: 0.2, most: 3.0}"""

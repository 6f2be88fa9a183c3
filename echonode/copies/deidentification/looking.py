"""Which images a person must look at before an anonymised copy of them is made."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

from echonode.copies.deidentification.pixel_areas import plan_of
from echonode.copies.stored_source import read_header
from echonode.model.instance import StoredInstance
from echonode.model.parse_faults import fenced

_KEYWORDS = ("BurnedInAnnotation", "Rows", "Columns", "SequenceOfUltrasoundRegions")
_TAGS = tuple(tag for keyword in _KEYWORDS if (tag := tag_for_keyword(keyword)) is not None)


def needs_look(instance: StoredInstance, *, made_here: bool) -> bool:
    """Whether its pixels may carry text. made_here: whether this node built the instance.

    Raises InvalidObject, Damaged.
    """
    header = read_header(instance, _TAGS)
    with fenced("its attributes cannot be read"):
        return "Rows" in header and plan_of(header, made_here=made_here).needs_look

"""A Grayscale Softcopy Presentation State (PS3.3 A.33.1): window, visible part, what was drawn.

Rules
- It is of one image, and what was drawn of one frame of it.
- Points of graphics are pixels from the corner, as they are kept (PS3.3 C.10.5.1.2: PIXEL units,
  (0.5, 0.5) being the middle of the first pixel). The displayed area counts pixels from 1 on.
- A state stands in the place of the image's own window, VOI LUT, rescale and Presentation LUT Shape
  (PS3.4 N.2.1): where the person changed none, those of the image are in it, as they were shown.
- Grey values go through the window and then to P-values as they are (Presentation LUT IDENTITY).
- Of colour images it can say nothing: they are refused (a window has no meaning there).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone

from pydicom.dataset import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from echonode.errors import InvalidObject, OperatorRefused
from echonode.model.exam import ExamFacts
from echonode.model.parse_faults import fenced
from echonode.model.softcopy_state import Drawn, DrawnKind, SoftcopyState
from echonode.objects.date_times import set_moment
from echonode.objects.equipment import NodeEquipment
from echonode.objects.key_objects import Place
from echonode.objects.reports.structured import finish
from echonode.objects.values import cleaned, cleaned_name
from echonode.transcoding.picture import Presentation, VoiFunction, Window
from echonode.transcoding.presentation import presentation_of

_LAYER = "DRAWN"
_GREY = ("MONOCHROME1", "MONOCHROME2")
# Where a text stands that belongs to a graphic: right of it, in pixels.
_BESIDE = 4.0


def require_grey(image: Dataset) -> None:
    """That a grayscale state can speak of an image. Raises OperatorRefused."""
    if str(image.get("PhotometricInterpretation", "")) not in _GREY:
        raise OperatorRefused("it is a colour image: a grayscale presentation state cannot show it")


def softcopy_state(
    state: SoftcopyState,
    image: Dataset,
    *,
    facts: ExamFacts,
    place: Place,
    equipment: NodeEquipment,
    at: datetime,
    by: str,
    offset: timezone,
) -> Dataset:
    """The dataset. image: without pixels; facts: of the exam. Raises InvalidObject."""
    require_grey(image)
    rows, columns = int(image.Rows), int(image.Columns)
    whole = Dataset()
    whole.SOPClassUID = GrayscaleSoftcopyPresentationStateStorage
    whole.SOPInstanceUID = place.sop_instance_uid
    whole.Modality = "PR"
    whole.SeriesInstanceUID = place.series_instance_uid
    whole.SeriesNumber = place.series_number
    whole.InstanceNumber = place.instance_number
    finish(whole, facts, equipment, at, offset)
    del whole.ContentDate, whole.ContentTime  # a presentation state has its own
    set_moment(whole, "PresentationCreation", at, offset)
    whole.Laterality = image.get("Laterality") or None  # type 2C: empty is unknown
    whole.ContentLabel = "VIEW"
    whole.ContentDescription = cleaned("LO", state.description) or None
    whole.ContentCreatorName = cleaned_name(by) or None
    whole.ReferencedSeriesSequence = [_series(image)]
    whole.DisplayedAreaSelectionSequence = [_area(state, image, rows, columns)]
    if state.drawn:
        whole.GraphicAnnotationSequence = [_annotation(state, image)]
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerOrder = _LAYER, 1
        whole.GraphicLayerSequence = [layer]
    with fenced("how the image is shown cannot be read"):
        shown = presentation_of(image)
    if state.window is not None:
        shown = shown.windowed(Window(center=state.window[0], width=state.window[1]))
    if voi := _voi(shown):
        whole.SoftcopyVOILUTSequence = [voi]
        if (shown.slope, shown.intercept) != (1.0, 0.0):  # PS3.3 C.11.1; without a VOI LUT not used
            whole.RescaleIntercept = f"{shown.intercept:.10g}"
            whole.RescaleSlope = f"{shown.slope:.10g}"
            whole.RescaleType = "US"  # of no unit that is said
    inverse = shown.inverse or image.PhotometricInterpretation == "MONOCHROME1"
    whole.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    return whole


def _voi(shown: Presentation) -> Dataset | None:
    """An item of the Softcopy VOI LUT Sequence (PS3.3 C.11.8); None where values stay."""
    item = Dataset()
    if shown.voi_lut is not None:
        lut = shown.voi_lut
        table = Dataset()
        vr = "SS" if lut.first < 0 else "US"
        # 0 stands for 65,536 (C.11.2.1.1).
        table.add_new("LUTDescriptor", vr, [len(lut.entries) // 2 % 65_536, lut.first, lut.bits])
        # Entries of 8 bits stand two in a word (C.11.2.1.1); here each has a word of its own.
        data = lut.entries[::2] if lut.bits == 8 else lut.entries
        table.add_new("LUTData", "OW", data + b"\0" * (len(data) % 2))
        item.VOILUTSequence = [table]
        return item
    if shown.window is None:
        return None
    item.WindowCenter = f"{shown.window.center:.10g}"
    item.WindowWidth = f"{shown.window.width:.10g}"
    if shown.window.function is not VoiFunction.LINEAR:
        item.VOILUTFunction = shown.window.function.value
    return item


def _sop(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def _series(image: Dataset) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = image.SeriesInstanceUID
    series.ReferencedImageSequence = [_sop(image)]
    return series


def _area(state: SoftcopyState, image: Dataset, rows: int, columns: int) -> Dataset:
    """PS3.3 C.10.4: corners are pixels counted from 1; what is visible in part is visible."""
    left, top, right, bottom = state.area or (0.0, 0.0, float(columns), float(rows))
    if not (left < right and top < bottom):
        raise InvalidObject("the visible part has no size")
    item = Dataset()
    item.ReferencedImageSequence = [_sop(image)]
    item.DisplayedAreaTopLeftHandCorner = [math.floor(left) + 1, math.floor(top) + 1]
    item.DisplayedAreaBottomRightHandCorner = [math.ceil(right), math.ceil(bottom)]
    item.PresentationSizeMode = "SCALE TO FIT"
    spacing = image.get("PixelSpacing")
    if spacing is not None and len(spacing) == 2:
        item.PresentationPixelSpacing = list(spacing)
    else:
        item.PresentationPixelAspectRatio = _aspect(image)
    return item


def _aspect(image: Dataset) -> list[int]:
    """Vertical to horizontal size of a pixel: of the first region, else as the image says."""
    for region in image.get("SequenceOfUltrasoundRegions") or []:
        delta_x = abs(float(region.get("PhysicalDeltaX") or 0))
        delta_y = abs(float(region.get("PhysicalDeltaY") or 0))
        same = region.get("PhysicalUnitsXDirection") == region.get("PhysicalUnitsYDirection")
        if delta_x and delta_y and same:
            return [max(1, round(10_000 * delta_y / delta_x)), 10_000]
    ratio = image.get("PixelAspectRatio")
    return [int(each) for each in ratio] if ratio is not None and len(ratio) == 2 else [1, 1]


def _annotation(state: SoftcopyState, image: Dataset) -> Dataset:
    item = Dataset()
    reference = _sop(image)
    if int(image.get("NumberOfFrames") or 1) > 1:
        reference.ReferencedFrameNumber = state.frame
    item.ReferencedImageSequence = [reference]
    item.GraphicLayer = _LAYER
    if texts := [_text(each) for each in state.drawn if each.text]:
        item.TextObjectSequence = texts
    if graphics := [_graphic(each) for each in state.drawn if each.kind is not DrawnKind.TEXT]:
        item.GraphicObjectSequence = graphics
    return item


def _text(drawn: Drawn) -> Dataset:
    """At its point; of a graphic, right of its rightmost point."""
    x, y = max(drawn.points)
    item = Dataset()
    item.UnformattedTextValue = cleaned("ST", drawn.text)
    item.AnchorPointAnnotationUnits = "PIXEL"
    item.AnchorPoint = [x if drawn.kind is DrawnKind.TEXT else x + _BESIDE, y]
    item.AnchorPointVisibility = "N"
    return item


def _graphic(drawn: Drawn) -> Dataset:
    item = Dataset()
    item.GraphicAnnotationUnits = "PIXEL"
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(drawn.points)
    item.GraphicData = _flat(drawn.points)
    item.GraphicType = "ELLIPSE" if drawn.kind is DrawnKind.ELLIPSE else "POLYLINE"
    item.GraphicFilled = "N"
    return item


def _flat(points: Sequence[tuple[float, float]]) -> list[float]:
    return [number for point in points for number in point]

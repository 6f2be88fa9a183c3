"""The one table of the resources of DICOMweb: paths, methods and media types (PS3.18 10.1).

Rules
- routes.py gives each of them its handlers, and refuses to start where one has none. OPTIONS, the
  list of capabilities and the conformance statement are made of it.
- GET answers HEAD as well; OPTIONS is answered everywhere.
- A more special path stands before one that would take it too.
"""

from __future__ import annotations

from typing import Final

from echonode.dicomweb.answers import DICOM, DICOM_JSON, JPEG, OCTET_STREAM, PNG
from echonode.dicomweb.capabilities import Resource
from echonode.dicomweb.transfer_syntaxes import FRAME_TYPES

STUDY: Final = "/studies/{study}"
SERIES: Final = f"{STUDY}/series/{{series}}"
INSTANCE: Final = f"{SERIES}/instances/{{instance}}"
FRAMES: Final = f"{INSTANCE}/frames/{{frames}}"
BULK_DATA: Final = f"{INSTANCE}/bulkdata/{{place:path}}"
URI_SERVICE: Final = "/wado"
STORED_TO: Final = ("/studies", STUDY)
LEVELS: Final = (STUDY, SERIES, INSTANCE)
PICTURED: Final = (*LEVELS, FRAMES)
# Level of the answer -> the paths that search it.
SEARCHED: Final = {
    "STUDY": ("/studies",),
    "SERIES": ("/series", f"{STUDY}/series"),
    "IMAGE": ("/instances", f"{STUDY}/instances", f"{SERIES}/instances"),
}

_JSON: Final = (DICOM_JSON, "application/json")
_PICTURE: Final = (JPEG, PNG)


def _read(path: str, *answers: str) -> Resource:
    return Resource(path=path, methods=("GET",), answers=answers)


RESOURCES: Final[tuple[Resource, ...]] = (
    _read(FRAMES, OCTET_STREAM, *FRAME_TYPES),
    *(_read(f"{place}/metadata", *_JSON) for place in LEVELS),
    _read(BULK_DATA, OCTET_STREAM),
    *(_read(place, DICOM) for place in LEVELS),
    *(_read(path, *_JSON) for paths in SEARCHED.values() for path in paths),
    *(_read(f"{place}/rendered", *_PICTURE) for place in PICTURED),
    *(_read(f"{place}/thumbnail", *_PICTURE) for place in PICTURED),
    _read(URI_SERVICE, *_PICTURE, DICOM),
    *(Resource(path=path, methods=("POST",), answers=(DICOM_JSON,)) for path in STORED_TO),
)

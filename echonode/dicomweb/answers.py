"""Refusals of DICOMweb requests, and the text that says why (PS3.18 8.5, RFC 9110 15)."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

DICOM_JSON = "application/dicom+json"
DICOM = "application/dicom"
OCTET_STREAM = "application/octet-stream"
JPEG, PNG = "image/jpeg", "image/png"


class Refused(Exception):
    """The request is answered with an error. status: of HTTP. remedy: what to do; '' for none."""

    def __init__(self, status: int, text: str, *, remedy: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.remedy = remedy


def problem(refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """The answer: {error, remedy}, in the form of the console's API."""
    body = {"error": str(refused), "remedy": refused.remedy}
    return JSONResponse(body, refused.status, headers=headers)


def warning(text: str) -> dict[str, str]:
    """The header that says what is not as it was asked for (PS3.18 8.3.4.4, RFC 7234 5.5)."""
    return {"Warning": f'299 EchoNode "{text}"'}

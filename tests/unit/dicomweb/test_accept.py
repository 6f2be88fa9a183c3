"""Which answer a request gets, by what it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dicomweb.accept import accepted, takes_any
from echonode.dicomweb.transfer_syntaxes import frame_form, instance_syntax

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
JPEG, J2K, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
OCTETS = "application/octet-stream"


def parts(media_type: str, syntax: str = "") -> str:
    """An Accept of multipart/related."""
    found = f'multipart/related; type="{media_type}"'
    return f"{found}; transfer-syntax={syntax}" if syntax else found


def test_the_most_wanted_comes_first() -> None:
    """By quality, then by the order of the field; 0 is not wanted."""
    found = accepted("image/png;q=0.5, image/jpeg, text/html;q=0, */*;q=0.1")
    assert [each.type for each in found] == ["image/jpeg", "image/png", "*/*"]


def test_parameters_may_be_quoted() -> None:
    """A type has a slash in it, so it must be."""
    (found,) = accepted('multipart/related; type="application/dicom"; transfer-syntax=*')
    assert (found.is_multipart, found.part) == (True, "application/dicom")
    assert found.transfer_syntax == "*"


@pytest.mark.parametrize("header", ["", "nonsense", "a/b;;", "a/b c/d", '"', "/", ";q=1"])
def test_a_field_that_cannot_be_read_asks_for_anything(header: str) -> None:
    """A viewer that writes it wrongly still gets its images."""
    assert [each.type for each in accepted(header)] == ["*/*"]


@pytest.mark.slow
@given(st.text(max_size=200))
def test_any_text_is_read(header: str) -> None:
    """And nothing is raised."""
    assert isinstance(accepted(header), list)


def test_the_query_parameter_counts_first() -> None:
    """PS3.18 8.3.3.1."""
    assert takes_any(accepted("image/png", "image/jpeg"), "image/png", "image/jpeg") == "image/jpeg"


@pytest.mark.parametrize(
    ("header", "stored", "frames", "wanted"),
    [
        # as stored: said by *, by the syntax, by the media type, or by nothing
        ("", EXPLICIT, 1, (OCTETS, EXPLICIT, True, True)),
        ("*/*", JPEG, 2, ("image/jpeg", JPEG, True, True)),
        (parts(OCTETS, "*"), JPEG, 2, (OCTETS, JPEG, True, True)),
        (parts("image/jpeg", JPEG), JPEG, 1, ("image/jpeg", JPEG, True, True)),
        ("image/jpeg", JPEG, 1, ("image/jpeg", JPEG, False, True)),
        (f"{OCTETS}; transfer-syntax=*", RLE, 1, (OCTETS, RLE, False, True)),
        (parts(OCTETS), IMPLICIT, 3, (OCTETS, EXPLICIT, True, True)),
        # uncompressed
        (parts(OCTETS), JPEG, 3, (OCTETS, EXPLICIT, True, False)),
        (OCTETS, JPEG, 1, (OCTETS, EXPLICIT, False, False)),
        # uncompressed whatever is said: no syntax of DICOMweb, and no frames of its own
        ("", BIG_ENDIAN, 1, (OCTETS, EXPLICIT, True, False)),
        (parts(OCTETS, "*"), BIG_ENDIAN, 2, (OCTETS, EXPLICIT, True, False)),
        (parts(OCTETS, BIG_ENDIAN), BIG_ENDIAN, 2, (OCTETS, EXPLICIT, True, False)),
        (f"{OCTETS}; transfer-syntax=*", DEFLATED, 1, (OCTETS, EXPLICIT, False, False)),
        (parts("image/jp2", J2K), DEFLATED, 1, ("image/jp2", J2K, True, False)),
        # another one, made without loss
        (parts("image/jp2", J2K), EXPLICIT, 1, ("image/jp2", J2K, True, False)),
        # what cannot be
        ("image/jpeg", JPEG, 2, None),
        ("text/html", JPEG, 1, None),
        ("image/jpeg", EXPLICIT, 1, None),
        (parts("image/jp2", J2K), "1.2.840.10008.1.2.4.102", 1, None),
        # the second best
        (f"image/png, {parts(OCTETS)}", EXPLICIT, 2, (OCTETS, EXPLICIT, True, True)),
    ],
)
def test_frames(
    header: str, stored: str, frames: int, wanted: tuple[str, str, bool, bool] | None
) -> None:
    """PS3.18 8.7.3.3 and 8.7.3.5."""
    found = frame_form(
        accepted(header),
        stored,
        frames=frames,
        made={J2K, RLE},
        decoded=stored in (JPEG, RLE, BIG_ENDIAN, DEFLATED),
    )
    got = found and (found.media_type, found.transfer_syntax_uid, found.multipart, found.as_stored)
    assert got == wanted


@pytest.mark.parametrize(
    ("header", "single", "wanted"),
    [
        ("", True, ("", False)),
        ("application/dicom", True, ("", True)),
        ("application/dicom", False, None),
        ("application/dicom; transfer-syntax=*", True, ("", True)),
        (parts("application/dicom", EXPLICIT), False, (EXPLICIT, False)),
        ("multipart/related", False, ("", False)),
        ("application/dicom+json", True, None),
    ],
)
def test_instances(header: str, single: bool, wanted: tuple[str, bool] | None) -> None:
    """application/dicom, in one part where one instance is asked for."""
    assert instance_syntax(accepted(header), single=single) == wanted

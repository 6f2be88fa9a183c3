"""The formats of `echonode export --format`: one line for each.

Rules
- A format's module is imported when it is asked for: some bring large libraries.
- A format that this EchoNode does not make is refused in words; one whose library is an optional
  extra raises UsageError with the extra's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType

from echonode.copies.source import Make
from echonode.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Format:
    """says: for the help, what an instance becomes. load: imports what makes it. is_research: it
    is for people who do not treat the patient (research.anonymise).
    """

    says: str
    load: Callable[[], Make]
    is_research: bool = False


def _png() -> Make:
    from echonode.copies.pictures.stills import png_files

    return png_files


def _jpeg() -> Make:
    from echonode.copies.pictures.stills import jpeg_files

    return jpeg_files


def _mp4() -> Make:
    from echonode.copies.pictures.films import films

    return films()


def _animation(kind: str) -> Callable[[], Make]:
    def load() -> Make:
        from echonode.copies.pictures.animations import animation

        return animation(kind)

    return load


def _dicom() -> Make:
    from echonode.copies.part_10 import part_10_file

    return part_10_file


def _npz() -> Make:
    from echonode.copies.research.npz import npz_file

    return npz_file


def _nifti() -> Make:
    from echonode.copies.research.nifti import nifti_file

    return nifti_file


def _mha() -> Make:
    from echonode.copies.research.metaimage import metaimage_file

    return metaimage_file


def _nrrd() -> Make:
    from echonode.copies.research.nrrd import nrrd_file

    return nrrd_file


def _lines() -> Make:
    from echonode.copies.research.scan_lines import lines_file

    return lines_file


def _uff() -> Make:
    if find_spec("h5py") is None:
        raise UsageError("uff needs the extra `research`: pip install 'echonode[research]'")
    from echonode.copies.research.uff import uff_file

    return uff_file


def _volume_mha() -> Make:
    from echonode.copies.volume.volume_files import metaimage_volume

    return metaimage_volume


def _volume_nifti() -> Make:
    from echonode.copies.volume.volume_files import nifti_volume

    return nifti_volume


def _volume_dicom() -> Make:
    from echonode.copies.volume.enhanced_volume import enhanced_volume_file

    return enhanced_volume_file


def _volume_slices() -> Make:
    from echonode.copies.volume.volume_files import volume_slices

    return volume_slices


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "dicom": Format(says="the instance as a DICOM file", load=_dicom),
        "png": Format(says="each frame as a PNG", load=_png),
        "jpeg": Format(says="each frame as a JPEG", load=_jpeg),
        "mp4": Format(says="a cine as a film, by the program ffmpeg", load=_mp4),
        "gif": Format(says="a cine as an animated GIF", load=_animation("gif")),
        "apng": Format(says="a cine as an animated PNG", load=_animation("apng")),
        "webp": Format(says="a cine as an animated WebP", load=_animation("webp")),
        "npz": Format(says="the frames as NumPy arrays", load=_npz, is_research=True),
        "nifti": Format(says="the frames as NIfTI", load=_nifti, is_research=True),
        "mha": Format(
            says="the frames as a MetaImage sequence of PLUS", load=_mha, is_research=True
        ),
        "nrrd": Format(says="the frames as an NRRD sequence", load=_nrrd, is_research=True),
        "lines": Format(
            says="the scan lines before scan conversion, as NumPy", load=_lines, is_research=True
        ),
        "uff": Format(says="the same as UFF (HDF5)", load=_uff, is_research=True),
        "volume-mha": Format(
            says="the volume of a tracked sweep as MetaImage", load=_volume_mha, is_research=True
        ),
        "volume-nifti": Format(says="that volume as NIfTI", load=_volume_nifti, is_research=True),
        "volume-dicom": Format(
            says="that volume as Enhanced US Volume", load=_volume_dicom, is_research=True
        ),
        "volume-slices": Format(
            says="slices of that volume as PNG", load=_volume_slices, is_research=True
        ),
    }
)


def profile_for(format_: str, name: str, demands: str | None) -> str:
    """The profile that copies of a format are anonymised by: what research.anonymise demands of
    research copies, else `name`; '' for none.

    Raises UsageError where another one was given.
    """
    if demands is None or format_ not in FORMATS or not FORMATS[format_].is_research:
        return name
    if name not in ("", demands):
        raise UsageError(f"research.anonymise demands the profile `{demands}` of such copies")
    return demands


def format_named(name: str) -> Make:
    """Raises UsageError for another name."""
    found = FORMATS.get(name)
    if found is None:
        raise UsageError(f"there is no format `{name}` here: give one of {', '.join(FORMATS)}")
    return found.load()

"""A volume as Enhanced US Volume (PS3.3 A.59), derived from the cine that it was made of.

Rules
- Patient, study and equipment are the cine's; series and instance are new, and always the same for
  the same cine and the same volume: other voxels or another calibration make another instance.
- The volume frame of reference is the space of the transforms (C.8.24.2): the tracker's, or what
  was calibrated. Where its origin lies in the patient is not known, so no Plane Position (Patient).
- Pixels are derived: Image Type DERIVED, Source Image Sequence names the cine.
- Explicit VR Little Endian, 8 bits, MONOCHROME2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import UID, EnhancedUSVolumeStorage, ExplicitVRLittleEndian

from echonode import __version__
from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.copies.volume.reconstruction import Volume
from echonode.copies.volume.volume_files import volume_of
from echonode.errors import InvalidObject
from echonode.model.identity import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    derive_uid,
)
from echonode.model.parse_faults import fenced

# Copied from the cine: Patient (C.7.1), General Study (C.7.2), parts of series and equipment.
_TYPE_2: Final = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
_OPTIONAL: Final = (
    *("IssuerOfPatientID", "PatientIdentityRemoved", "DeidentificationMethod"),
    *("DeidentificationMethodCodeSequence", "LongitudinalTemporalInformationModified"),
    *("StudyDescription", "InstitutionName", "StationName", "TimezoneOffsetFromUTC"),
    *("OperatorsName", "BodyPartExamined"),
)
# PS3.16 CID 12033 and 12034, by Transducer Type (0018,6031).
_GEOMETRY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "LINEAR": ("125252", "Linear ultrasound transducer geometry"),
        "CURVED LINEAR": ("125253", "Curved linear ultrasound transducer geometry"),
        "SECTOR_MECH": ("125254", "Sector ultrasound transducer geometry"),
        "SECTOR_PHASED": ("125254", "Sector ultrasound transducer geometry"),
    }
)
_STEERING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "SECTOR_MECH": ("125258", "Mechanical beam steering"),
        "SECTOR_PHASED": ("125259", "Phased beam steering"),
    }
)
_NOT_KNOWN: Final = ("UNKNOWN", "Not known", "99ECHONODE")
_NONE = "unknown"
_A_DATE, _A_TIME = "19000101", "000000"


def enhanced_volume_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .dcm. Raises InvalidObject."""
    volume = volume_of(source, options)
    with fenced("its attributes cannot be read"):
        made = enhanced_volume(source.header, volume)
    yield CopyFile(ending=".dcm", chunks=(_part_10(made),))


def enhanced_volume(cine: Dataset, volume: Volume) -> Dataset:
    """The object, with its pixels. Raises InvalidObject where they may carry text."""
    if cine.get("BurnedInAnnotation") != "NO":
        raise InvalidObject(
            "its pixels may carry text, and an Enhanced US Volume has none (PS3.3 C.8.24.3): look "
            "at them, and accept the look"
        )
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = EnhancedUSVolumeStorage
    place = volume.voxel_to_mm.round(6).tobytes()
    content = hashlib.sha256(place + volume.values.tobytes()).hexdigest()
    made.SOPInstanceUID = derive_uid("volume", str(cine.SOPInstanceUID), content)
    made.StudyInstanceUID = cine.StudyInstanceUID
    made.SeriesInstanceUID = derive_uid("volume-series", str(cine.SeriesInstanceUID))
    for keyword in _TYPE_2:
        setattr(made, keyword, cine.get(keyword))
    for keyword in _OPTIONAL:
        if cine.get(keyword):
            setattr(made, keyword, cine.get(keyword))
    _set_series(made, cine)
    _set_image(made, cine)
    _set_space(made, cine)
    _set_pixels(made, volume)
    _set_dimensions(made, cine)
    made.SharedFunctionalGroupsSequence = [_shared(volume)]
    moment = str(made.AcquisitionDateTime)
    made.PerFrameFunctionalGroupsSequence = [
        _per_frame(volume, number, moment) for number in range(volume.values.shape[0])
    ]
    return made


def _set_series(made: Dataset, cine: Dataset) -> None:
    """General Series (C.7.3.1), Enhanced General Equipment (C.7.5.2)."""
    made.Modality, made.SeriesNumber = "US", (int(cine.get("SeriesNumber") or 1) + 1000)
    made.Manufacturer = cine.get("Manufacturer") or _NONE
    made.ManufacturerModelName = cine.get("ManufacturerModelName") or _NONE
    made.DeviceSerialNumber = cine.get("DeviceSerialNumber") or _NONE
    made.SoftwareVersions = f"EchoNode {__version__}"


def _set_image(made: Dataset, cine: Dataset) -> None:
    """Enhanced US Image (C.8.24.3), General Image's times, Acquisition Context (C.7.6.14)."""
    day = str(cine.get("ContentDate") or cine.get("StudyDate") or _A_DATE)
    time = str(cine.get("ContentTime") or cine.get("StudyTime") or _A_TIME)
    made.ContentDate, made.ContentTime = day, time
    made.AcquisitionDateTime = str(cine.get("AcquisitionDateTime") or day + time)
    made.AcquisitionDuration = float(cine.get("EffectiveDuration") or 0.0)
    made.InstanceNumber = cine.get("InstanceNumber") or 1
    made.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    made.BurnedInAnnotation = "NO"
    made.LossyImageCompression = cine.get("LossyImageCompression") or "00"
    if made.LossyImageCompression == "01":
        made.LossyImageCompressionRatio = cine.get("LossyImageCompressionRatio")
        made.LossyImageCompressionMethod = cine.get("LossyImageCompressionMethod")
    made.PresentationLUTShape = "IDENTITY"
    made.RescaleIntercept, made.RescaleSlope = 0, 1
    made.PatientOrientation = None  # type 2C: the probe was held freely
    made.AnatomicRegionSequence = [_code("38266002", "Entire body", "SCT")]
    made.ViewCodeSequence = [_code("FREEHAND", "Freehand sweep, view not known", "99ECHONODE")]
    made.AcquisitionContextSequence = []
    made.PositionMeasuringDeviceUsed = "TRACKED"
    made.DepthOfScanField = int(cine.get("DepthOfScanField") or 0)
    made.MechanicalIndex = made.BoneThermalIndex = 0.0
    made.CranialThermalIndex = made.SoftTissueThermalIndex = 0.0
    made.DepthsOfFocus = [0.0]
    made.SourceImageSequence = [_reference(cine)]
    made.TransducerScanPatternCodeSequence = [_code("125241", "Plane scan pattern")]
    kind = str(cine.get("TransducerType") or "")
    made.TransducerGeometryCodeSequence = [_code(*_GEOMETRY.get(kind, _NOT_KNOWN))]
    made.TransducerBeamSteeringCodeSequence = [_code(*_STEERING.get(kind, _NOT_KNOWN))]
    made.TransducerApplicationCodeSequence = [_code("125261", "External Transducer")]
    made.ProtocolName = "Freehand sweep"


def _set_space(made: Dataset, cine: Dataset) -> None:
    """Frame of Reference (C.7.4.1), Ultrasound Frame of Reference (C.8.24.2), Synchronization."""
    space = str(cine.get("FrameOfReferenceUID") or derive_uid("space", str(cine.SOPInstanceUID)))
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = space, None
    made.UltrasoundAcquisitionGeometry = "FREEHAND"  # a defined term of ours: there is no apex
    made.VolumeFrameOfReferenceUID = space
    made.VolumeToTransducerMappingMatrix = _UNIT
    made.SynchronizationFrameOfReferenceUID = derive_uid("clock", str(cine.SOPInstanceUID))
    made.SynchronizationTrigger = "NO TRIGGER"
    made.AcquisitionTimeSynchronized = "N"


_UNIT: Final = [float(row == column) for row in range(4) for column in range(4)]


def _set_pixels(made: Dataset, volume: Volume) -> None:
    slices, made.Rows, made.Columns = volume.values.shape
    made.NumberOfFrames = slices
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    data = volume.values.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB"


def _set_dimensions(made: Dataset, cine: Dataset) -> None:
    """Multi-frame Dimension (C.7.6.17): one, the place of the plane."""
    organization = derive_uid("dimensions", str(cine.SOPInstanceUID))
    item = Dataset()
    item.DimensionOrganizationUID = organization
    made.DimensionOrganizationSequence = [item]
    made.DimensionOrganizationType = "3D"
    index = Dataset()
    index.DimensionOrganizationUID = organization
    index.DimensionIndexPointer = Tag("ImagePositionVolume")
    index.FunctionalGroupPointer = Tag("PlanePositionVolumeSequence")
    made.DimensionIndexSequence = [index]


def _shared(volume: Volume) -> Dataset:
    group = Dataset()
    measures = Dataset()
    measures.PixelSpacing = [f"{volume.voxel_mm:.10g}"] * 2
    measures.SliceThickness = f"{volume.voxel_mm:.10g}"
    measures.SpacingBetweenSlices = f"{volume.voxel_mm:.10g}"
    group.PixelMeasuresSequence = [measures]
    orientation = Dataset()
    orientation.ImageOrientationVolume = [*volume.axes[:, 0], *volume.axes[:, 1]]
    group.PlaneOrientationVolumeSequence = [orientation]
    data_type = Dataset()
    data_type.DataType = "TISSUE_INTENSITY"
    data_type.AliasedDataType = "NO"
    group.ImageDataTypeSequence = [data_type]
    window = Dataset()
    window.WindowCenter, window.WindowWidth = 128, 256
    group.FrameVOILUTSequence = [window]
    description = Dataset()
    description.FrameType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    description.VolumetricProperties = "VOLUME"
    description.VolumeBasedCalculationTechnique = "NONE"
    group.USImageDescriptionSequence = [description]
    return group


def _per_frame(volume: Volume, number: int, moment: str) -> Dataset:
    group = Dataset()
    content = Dataset()
    content.FrameAcquisitionDateTime = content.FrameReferenceDateTime = moment
    content.FrameAcquisitionDuration = 0.0
    content.DimensionIndexValues = number + 1
    group.FrameContentSequence = [content]
    position = Dataset()
    at = volume.origin_mm + volume.axes[:, 2] * volume.voxel_mm * number
    position.ImagePositionVolume = [float(value) for value in at]
    group.PlanePositionVolumeSequence = [position]
    return group


def _reference(cine: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = cine.SOPClassUID
    item.ReferencedSOPInstanceUID = cine.SOPInstanceUID
    return item


def _code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _part_10(made: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    file.write(bytes(128) + b"DICM")
    write_file_meta_info(file, meta, enforce_standard=True)
    write_dataset(file, made)
    return file.getvalue()

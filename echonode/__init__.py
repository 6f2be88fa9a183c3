"""EchoNode: a DICOM network node for an open ultrasound probe."""

__version__ = "0.1.0"

"""From images to DICOM objects: pure, valid or refused."""

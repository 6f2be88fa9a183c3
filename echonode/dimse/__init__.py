"""DICOM network mechanics on pynetdicom: associations, messages and streams, and no workflow."""

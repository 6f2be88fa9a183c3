"""From images to DICOM datasets: pure, valid or refused.

Here: ultrasound objects, their calibration, times and equipment.
Not here: transfer syntaxes (transcoding/), files (store/).
"""

"""A report of an exam as DICOM objects: its measurements, its text, its key images.

Here: Comprehensive SR, Encapsulated PDF, Key Object Selection; their pages, fonts and templates.
Not here: what is reported and when (exam/reporting/), presentation states (objects/presentation/).
"""

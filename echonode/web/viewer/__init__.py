"""The OHIF viewer, at the root of a port of its own.

Here: which package it is and where it lies, its settings, its files as routes.
Not here: how it is fetched (commands/viewer_install.py), DICOMweb that it asks (dicomweb/).
"""
